// Package layers lets the evaluation look at what each layer of a model adds,
// which is no question for the public interface.
package layers

// Names are the layers that [Forecast] answers with, each on top of the one
// before: the guide with the least validation error, the mixture of all guides by
// the mixer alone, and that mixture refined by the tokens. The token's own linear
// ODE on top of it is the whole model.
//
// Inside the context the first is the interpolant with the least error on
// observations left out.
var Names = []string{"guide", "mixer", "refined"}

// Forecast answers as Forecast of the model does, a *lassode.Model, at times that
// do not lie before the first one: the mean by layer, time and channel. Package
// lassode sets it.
var Forecast func(model any, times []float64, values [][]float64, at []float64) ([][][]float64, error)
