package lassode

import (
	"fmt"

	"github.com/lassode/lassode/classical"
)

// Config is the shape of a network. It is stored with the weights; the zero
// value is not usable, start from [DefaultConfig].
type Config struct {
	Width      int `json:"width"`       // d, features of a token
	Blocks     int `json:"blocks"`      // attention blocks
	Heads      int `json:"heads"`       // attention heads; divides Width
	Feed       int `json:"feed"`        // hidden width of the gated feed-forward
	Pairs      int `json:"pairs"`       // latent 2x2 blocks of the linear ODE of a token
	HubTokens  int `json:"hub_tokens"`  // learned tokens of the common structure hub; 0 = none, the default: they did not pay
	PhaseModes int `json:"phase_modes"` // modes carried from the last observed window into the unseen ones
	Encoder    int `json:"encoder"`     // hidden width of the recurrent window encoder
	Mixer      int `json:"mixer"`       // width of the network that mixes the guides
	MinWindows int `json:"min_windows"` // least number of windows over the whole span, seen and unseen
	MaxWindows int `json:"max_windows"` // limit for fast signals and long horizons
	// WithoutGuides leaves the forecast to the tokens alone: no guide is fitted or
	// shown to them. It measures what the guides are worth.
	WithoutGuides bool `json:"without_guides,omitempty"`
}

// DefaultConfig returns the configuration of the embedded model.
func DefaultConfig() Config {
	return Config{
		Width: 96, Blocks: 4, Heads: 4, Feed: 192, Pairs: 8,
		PhaseModes: 16, Encoder: 64, Mixer: 48, MinWindows: 16, MaxWindows: 128,
	}
}

// maxParameters bounds what a configuration from a file may ask for.
const maxParameters = 64 << 20

// Validate returns an [InputError] that names the first bad field, or nil.
func (c Config) Validate() error {
	for _, f := range []struct {
		name       string
		value      int
		least, top int
	}{
		{"width", c.Width, 8, 1024},
		{"blocks", c.Blocks, 1, 32},
		{"heads", c.Heads, 1, 64},
		{"feed", c.Feed, 8, 8192},
		{"pairs", c.Pairs, 1, 64},
		{"hub_tokens", c.HubTokens, 0, 4096},
		{"phase_modes", c.PhaseModes, 1, 256},
		{"encoder", c.Encoder, 4, 1024},
		{"mixer", c.Mixer, 4, 1024},
		{"min_windows", c.MinWindows, 5, 512},
		{"max_windows", c.MaxWindows, 5, 2048},
	} {
		if f.value < f.least || f.value > f.top {
			return inputError("config."+f.name, fmt.Sprintf("%d to %d", f.least, f.top), "%d", f.value)
		}
	}
	if c.Width%c.Heads != 0 {
		return inputError("config.heads", fmt.Sprintf("a divisor of width %d", c.Width), "%d", c.Heads)
	}
	if c.MaxWindows < c.MinWindows {
		return inputError("config.max_windows", fmt.Sprintf("at least min_windows = %d", c.MinWindows), "%d", c.MaxWindows)
	}
	if n := c.parameterBound(); n > maxParameters {
		return inputError("config", fmt.Sprintf("at most %d parameters", maxParameters), "a network of about %d", n)
	}
	return nil
}

// parameterBound is an upper bound of the number of parameters, so that a
// hostile configuration is refused before anything is allocated for it.
func (c Config) parameterBound() int {
	block := 4*c.Width*c.Width*3 + 3*c.Width*c.Feed + 16*c.Width
	rest := c.Width*(6*c.Pairs+8*c.PhaseModes+c.Encoder+c.Mixer+128+(guideSamples+2)*guideSlots) + 2*c.HubTokens*c.Width + 3*c.Encoder*(c.Encoder+8) +
		c.Mixer*(classical.NumFeatures+classical.NumGuides+7*c.Mixer+16)
	return c.Blocks*block + rest
}
