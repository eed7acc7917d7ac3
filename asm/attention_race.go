//go:build race

package asm

// race tells the race detector about n tokens per sequence that assembly reads and
// writes; the tokens lie apart, and another goroutine may use what is between them.
func (s *AttentionShape) race(read, write [][]float32, n, stride, next int) {
	for i := range s.Sequences {
		for j := range n {
			at := i*next + j*stride
			for _, x := range read {
				if x != nil {
					raceRead(x[at:][:s.Heads*s.Head])
				}
			}
			for _, x := range write {
				if x != nil {
					raceWrite(x[at:][:s.Heads*s.Head])
				}
			}
		}
	}
}
