package pipeline

// StateBytes returns how many bytes the states of all series take in a checkpoint. Run
// must have been called before.
func (e *Engine) StateBytes() int64 {
	n := int64(0)
	var buf []byte
	for _, l := range e.lanes {
		buf = l.appendState(buf[:0])
		n += int64(len(buf))
	}
	return n
}
