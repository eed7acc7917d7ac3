//go:build amd64 || arm64

package asm

import "github.com/viterin/vek/vek32"

// vekBaseline is what the vek library takes for the same work. Its dependency
// math32 does not build on every platform, hence the build tag.
func vekBaseline(x, y, z, w []float32) map[string]func() {
	return map[string]func(){
		"Add":    func() { vek32.Add_Into(z, x, y) },
		"AddTo":  func() { vek32.Add_Inplace(y, x) },
		"Dot":    func() { sink = vek32.Dot(x, w) },
		"Sum":    func() { sink = vek32.Sum(x) },
		"Exp":    func() { vek32.Exp_Into(z, x) },
		"SinCos": func() { vek32.SinCos_Into(z, y, x) },
	}
}
