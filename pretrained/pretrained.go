// Package pretrained holds the embedded weights of the general model. Only
// programs that import it carry their bytes.
package pretrained

import (
	"bytes"
	_ "embed"
	"sync"

	"github.com/lassode/lassode"
)

//go:embed weights.safetensors
var weights []byte

// Model returns the embedded model. It is decoded once; all callers share it.
// Safe for concurrent use.
var Model = sync.OnceValues(func() (*lassode.Model, error) {
	return lassode.Load(bytes.NewReader(weights))
})
