package drift

import (
	"fmt"

	"github.com/quell-stream/quell/internal/wire"
)

// codec writes the fields of a snapshot or reads them back, so that a detector
// lists them once.
type codec struct {
	dst []byte
	r   *wire.Reader // nil while writing
}

// coder is a configuration or a state that lists its fields.
type coder interface{ code(c *codec) }

func (c *codec) f64(fields ...*float64) {
	for _, v := range fields {
		if c.r == nil {
			c.dst = wire.F64(c.dst, *v)
		} else {
			*v = c.r.F64()
		}
	}
}

func (c *codec) int(fields ...*int) {
	for _, v := range fields {
		if c.r == nil {
			c.dst = wire.I64(c.dst, int64(*v))
		} else {
			*v = c.r.Int()
		}
	}
}

// count codes numbers that are never negative; one that is reads as 0.
func (c *codec) count(fields ...*int) {
	c.int(fields...)
	for _, v := range fields {
		if *v < 0 {
			c.r.Fail(errForeign)
			*v = 0
		}
	}
}

func (c *codec) bool(fields ...*bool) {
	for _, v := range fields {
		if c.r == nil {
			c.dst = wire.Bool(c.dst, *v)
		} else {
			*v = c.r.Bool()
		}
	}
}

func (c *codec) u8(v *uint8) {
	if c.r == nil {
		c.dst = wire.U8(c.dst, *v)
	} else {
		*v = c.r.U8()
	}
}

func (c *codec) u32(v *uint32) {
	u := uint64(*v)
	if c.r == nil {
		c.dst = wire.U64(c.dst, u)
	} else {
		*v = uint32(c.r.U64())
	}
}

func (c *codec) string(v *string) {
	if c.r == nil {
		c.dst = wire.String(c.dst, *v)
	} else {
		*v = c.r.String()
	}
}

func (c *codec) mode(v *Mode) {
	s := string(*v)
	c.string(&s)
	*v = Mode(s)
}

func (c *codec) state(v *State) {
	if c.u8((*uint8)(v)); *v > Drift {
		c.r.Fail(errForeign)
	}
}

// f64s codes a slice of at most most values.
func (c *codec) f64s(v *[]float64, most int) {
	if c.r == nil {
		c.dst = wire.F64s(c.dst, *v)
		return
	}
	n := c.r.Len(8)
	if n > most {
		c.r.Fail(errForeign)
		return
	}
	if n > cap(*v) {
		*v = make([]float64, n)
	}
	*v = (*v)[:n]
	for i := range *v {
		(*v)[i] = c.r.F64()
	}
}

// appendState appends mark, which tells the detector and the version, and the
// fields of its configuration and state.
func appendState(dst []byte, mark uint64, cfg, state coder) []byte {
	c := codec{dst: wire.U64(dst, mark)}
	cfg.code(&c)
	state.code(&c)
	return c.dst
}

// restoreState reads what appendState wrote into d. On an error d is unchanged.
func restoreState[C, D any, PC interface {
	*C
	coder
	Validate() error
}, PD interface {
	*D
	coder
}](d PD, name string, mark uint64, src []byte, fresh func(C) PD) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("drift: %s state: %w", name, err) }
	c := codec{r: wire.NewReader(src)}
	if c.r.U64() != mark {
		return fail(errForeign)
	}
	var cfg C
	PC(&cfg).code(&c)
	if err := c.r.Err(); err != nil {
		return fail(err)
	}
	if err := PC(&cfg).Validate(); err != nil {
		return fail(err)
	}
	n := fresh(cfg)
	n.code(&c)
	if err := c.r.Err(); err != nil {
		return fail(err)
	}
	*d = *n
	return c.r.Rest(), nil
}
