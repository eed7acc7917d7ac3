//go:build !amd64 || noasm

package asm

const useSIMD = false

const (
	useAVX512 = false
	simdTier  = ""
)
