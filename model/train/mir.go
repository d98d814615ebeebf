package train

import (
	"slices"

	"github.com/quell-stream/quell/model/nn"
)

const (
	// retrievalMost bounds the old windows that are looked at.
	retrievalMost = 48
	// retrievalEvery is after how many updates it is looked again.
	retrievalEvery = 25
)

// interfered draws, of the old windows, the half whose loss the training has raised
// most (Aljundi et al., "Online Continual Learning with Maximally Interfered
// Retrieval", 2019). There the rise is that by one virtual step on each new batch,
// which costs another update each time. Here it is what the updates so far have done,
// looked at every 25, on the same example of each window: a small part of an update.
type interfered struct {
	c     excerpts
	probe *probe
	at    []int
	base  []float64
	first []float64 // losses at the start
	rise  []float64
	step  int
}

func newInterfered(net *nn.Net, c excerpts, loss Loss) *interfered {
	x := c.material()
	x.weigh()
	m := &interfered{c: c, probe: newProbe(net, loss), at: x.oldest(retrievalMost), base: slices.Clone(x.shares.weight)}
	for _, i := range m.at {
		m.first = append(m.first, m.probe.value(alone(c, i), 0))
	}
	m.rise = make([]float64, len(m.at))
	return m
}

// next is FitConfig.Next.
func (m *interfered) next() (bool, error) {
	m.step++
	if k := m.step - 1; k == 0 || k%retrievalEvery != 0 {
		return true, nil
	}
	order := make([]int, len(m.at))
	for k, i := range m.at {
		m.rise[k], order[k] = m.probe.value(alone(m.c, i), 0)-m.first[k], k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case m.rise[a] > m.rise[b]:
			return -1
		case m.rise[a] < m.rise[b]:
			return 1
		}
		return 0
	})
	some := make([]int, (len(m.at)+1)/2)
	for k := range some {
		some[k] = m.at[order[k]]
	}
	m.c.material().favour(m.at, some, m.base)
	return true, nil
}
