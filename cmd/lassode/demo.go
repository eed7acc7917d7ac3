package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lassode/lassode/classical"
	"github.com/lassode/lassode/ode"
)

// demoSeed is the seed of the systems of the demonstration.
const demoSeed = 1

// demoScenes are the bundled systems: the first draw of three kinds, each
// shown under a condition of its own.
var demoScenes = []struct {
	family, about string
	condition     condition
}{
	{"cart-pole", "a pole swinging on a cart, the first half seen", condition{"half seen", 0.5, 0, 0}},
	{"ring-oscillator", "three inverters in a ring, the first 30 % seen", condition{"30 % seen", 0.3, 0, 0}},
	{"oregonator", "a chemical reaction, the first half seen, half of its rows lost, 3 % noise", condition{"half seen, noisy, sparse", 0.5, 0.03, 0.5}},
}

// demoMethods are the forecasters shown beside the model.
var demoMethods = []string{"persistence", "mean", "linear-ar4", "parroting", "auto"}

func demoCommand() *command {
	return &command{
		name:     "demo",
		synopsis: "[-plot F.svg|F.png] [-model W]",
		summary:  "forecast three systems that were not trained on: a table and a picture",
		detail: `
The systems come from kinds that the training never met; they are the first
draws of their kinds, not chosen among many. For figures over hundreds of
trajectories run 'lassode eval'.`,
		examples: `
lassode demo
lassode demo -plot demo.png`,
		run: runDemo,
	}
}

func runDemo(ctx context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	plotFile := fs.String("plot", "lassode-demo.svg", "`file` of the picture, .svg or .png; empty for none")
	modelFile := fs.String("model", "", "weights `file` (default: the built-in weights)")
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	format := ""
	if *plotFile != "" {
		if format, err = pictureFormatOf(*plotFile); err != nil {
			return usagef("-plot: %v", err)
		}
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	if err := keepInputs([]string{*modelFile}, *plotFile); err != nil {
		return err
	}
	var file *output
	if format != "" {
		if file, err = createOutput(env, *plotFile); err != nil {
			return err
		}
		defer file.Abort()
	}
	held := ode.HeldOutTrajectories(demoSeed, 1)

	w := env.stdout
	fmt.Fprintf(w, "Three systems of kinds that the model was not trained on. Error on the unseen\npart, over the standard deviation of the curve; smaller is better.\n\n")
	fmt.Fprintf(w, "  %-15s %-24s %8s", "", "", modelName)
	for _, m := range demoMethods {
		fmt.Fprintf(w, " %11s", m)
	}
	fmt.Fprintln(w)

	const columns = 3
	fig := &figure{title: "Zero-shot forecasts", note: "systems that were not trained on", columns: columns}
	var spent time.Duration
	for i, scene := range demoScenes {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := 0
		for k < len(held) && held[k].Family != scene.family {
			k++
		}
		if k == len(held) {
			return fmt.Errorf("there is no system %q", scene.family)
		}
		whole := held[k].Series
		seen, rest := contextOf(whole, scene.condition, demoSeed, i)
		score := newScorer(whole, rest)

		start := time.Now()
		fc, err := model.Forecast(seen, rest.Times)
		if err != nil {
			return err
		}
		spent += time.Since(start)
		fmt.Fprintf(w, "  %-15s %-24s %8.3f", scene.family, scene.condition.Name, score.score(func(i, k int) float64 { return fc.Mean[i][k] }))
		values, channels := flatten(seen.Values), whole.Channels()
		dst := make([]float64, len(rest.Times)*channels)
		for _, name := range demoMethods {
			f, err := classical.ByName(name)
			if err != nil {
				return err
			}
			f.Forecast(dst, seen.Times, values, channels, rest.Times)
			fmt.Fprintf(w, " %11.3f", math.Min(score.score(func(i, k int) float64 { return dst[i*channels+k] }), 999))
		}
		fmt.Fprintln(w)
		if file == nil {
			continue
		}

		picture, err := curveOf(model, seen, whole.Times[0], whole.Times[len(whole.Times)-1])
		if err != nil {
			return err
		}
		for c := range columns {
			if c >= channels {
				fig.panels = append(fig.panels, panel{blank: true})
				continue
			}
			p := picture.panel(seen, c)
			p.title = channelNames(whole)[c]
			for r, t := range rest.Times {
				p.truth.add(t, rest.Values[r][c])
			}
			fig.panels = append(fig.panels, p)
		}
		fig.rowTitles = append(fig.rowTitles, scene.family+": "+scene.about)
	}
	fmt.Fprintf(w, "\n%s in %v", plural(len(demoScenes), "forecast"), spent.Round(time.Millisecond))
	if file != nil {
		if err = fig.draw(file, format); err == nil {
			err = file.Commit()
		}
		if err != nil {
			fmt.Fprintln(w)
			return err
		}
		fmt.Fprintf(w, "; the picture with the 80 %% bands is %s", *plotFile)
	}
	fmt.Fprintln(w)
	return nil
}
