//go:build !race

package lassode

const raceEnabled = false
