//go:build race

package lassode

// raceEnabled: the race detector allocates where the program does not.
const raceEnabled = true
