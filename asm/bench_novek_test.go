//go:build !amd64 && !arm64

package asm

func vekBaseline(_, _, _, _ []float32) map[string]func() { return nil }
