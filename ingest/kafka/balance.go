package kafka

import (
	"slices"
	"strings"
	"sync"

	"github.com/segmentio/kafka-go"
)

// coPartition gives each member a run of partition numbers, the same run of
// every topic. The library's own range balancer trusts the order in which a
// broker lists partitions, which may differ from topic to topic.
type coPartition struct {
	mu     sync.Mutex
	counts map[string]int // of the last assignment, nil once taken
}

// ProtocolName implements kafka.GroupBalancer. The outcome is that of "range"
// where all members read the same topics.
func (*coPartition) ProtocolName() string { return "range" }

// UserData implements kafka.GroupBalancer.
func (*coPartition) UserData() ([]byte, error) { return nil, nil }

// AssignGroups implements kafka.GroupBalancer. The library calls it in the
// member that leads the group.
func (b *coPartition) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	numbers, counts := make(map[string][]int), make(map[string]int)
	for _, p := range partitions {
		numbers[p.Topic] = append(numbers[p.Topic], p.ID)
		counts[p.Topic]++
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b kafka.GroupMember) int { return strings.Compare(a.ID, b.ID) })
	out := make(kafka.GroupMemberAssignments, len(members))
	for topic, all := range numbers {
		slices.Sort(all)
		var readers []string
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				readers = append(readers, m.ID)
			}
		}
		for i, id := range readers {
			if out[id] == nil {
				out[id] = make(map[string][]int)
			}
			out[id][topic] = all[i*len(all)/len(readers) : (i+1)*len(all)/len(readers)]
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts = counts
	return out
}

// taken returns the partition counts of the topics that the last assignment went
// by, once; nil if another member made it.
func (b *coPartition) taken() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	b.counts = nil
	return c
}
