//go:build !noasm

package asm

// simdStackLanes is the number of lanes of stackMulSIMD.
const simdStackLanes = 4
