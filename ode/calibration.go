package ode

import (
	"fmt"
	"slices"

	"github.com/lassode/lassode"
)

// CalibrationFamilies returns the named families that training leaves out, so
// that the quantiles can be measured on kinds of systems that the weights have
// never seen: mechanics, electrical machines, chemistry, medicine, neuroscience and
// ecology, one each. The order is that of [Families].
func CalibrationFamilies() []string { return slices.Clone(calibrationFamilies) }

var calibrationFamilies = []string{"elastic-pendulum", "induction-motor", "series-autocatalator", "viral-dynamics", "wilson-cowan", "rosenzweig-macarthur"}

// calibrationChannels is the largest number of channels that one of these
// families has.
const calibrationChannels = 4

// Limits of the part of a source that calibrates: a share at its end, and as many
// trajectories of the calibration families.
const (
	calibrationShare = 0.02
	calibrationMost  = 4096
)

// calibrationTail is how many of n trajectories, two or more, at the end of a
// source are not trained on.
func calibrationTail(n int) int {
	return min(max(int(calibrationShare*float64(n)), 1), calibrationMost)
}

// subset is a part of a collection. It implements lassode.Source.
type subset struct {
	c     *Collection
	index []int32
}

func (s subset) Len() int           { return len(s.index) }
func (s subset) Channels(i int) int { return s.c.Channels(int(s.index[i])) }

// Digest is that of the whole: Split always cuts a collection in the same parts.
func (s subset) Digest() string { return s.c.Digest() }

func (s subset) At(i int) (lassode.Series, error) {
	if i < 0 || i >= len(s.index) {
		return lassode.Series{}, fmt.Errorf("ode: trajectory %d of %d", i, len(s.index))
	}
	return s.c.At(int(s.index[i]))
}

// Split cuts the collection in two sources for lassode.Pretrain: what is trained
// on, and what calibrates the quantiles ([lassode.TrainOptions].Calibration). The
// second has the last 2 % of the trajectories, 4096 at most, and behind them about
// as many of the [CalibrationFamilies], the same number of each as far as the
// collection has them. No trajectory of these families is in the first; as a part
// of a coupled system they may be. The sources read from the collection and are
// safe for concurrent use until it is closed. A collection of a single trajectory is
// not cut: it is both.
func (c *Collection) Split() (training, calibration lassode.Source) {
	n := c.Len()
	if n < 2 {
		return c, c
	}
	tail := calibrationTail(n)
	train, calibrate := subset{c: c}, subset{c: c}
	for i := n - tail; i < n; i++ {
		calibrate.index = append(calibrate.index, int32(i))
	}
	most := (tail + len(calibrationFamilies) - 1) / len(calibrationFamilies)
	taken := map[string]int{}
	for i := range n - tail {
		switch family := c.Family(i); {
		case !slices.Contains(calibrationFamilies, family):
			train.index = append(train.index, int32(i))
		case taken[family] < most:
			taken[family]++
			calibrate.index = append(calibrate.index, int32(i))
		}
	}
	return train, calibrate
}

// Split is [Collection.Split] for systems that are made on the way. Behind the N
// trajectories of z another 4096 calibrate, and 4096 more that are drawn from the
// calibration families alone. In training, a trajectory of one of these families
// is replaced by a later one with as many channels.
func (z Zoo) Split() (training, calibration lassode.Source) {
	return zooTraining{z}, zooCalibration{z}
}

type zooTraining struct{ Zoo }

func (z zooTraining) At(i int) (lassode.Series, error) {
	if i < 0 || i >= z.N {
		return z.Zoo.At(i) // its error
	}
	s, p := Generate(z.Seed, i)
	// Beyond what calibrates, on numbers that are no trajectory of z.
	for k := i + z.N + calibrationMost; slices.Contains(calibrationFamilies, p.Family); k += z.N {
		if z.Channels(k) == s.Channels() {
			s, p = Generate(z.Seed, k)
		}
	}
	return s, nil
}

type zooCalibration struct{ Zoo }

func (z zooCalibration) Len() int { return 2 * calibrationMost }

func (z zooCalibration) Channels(i int) int {
	channels := z.Zoo.Channels(z.N + i)
	if i >= calibrationMost {
		channels = min(channels, calibrationChannels)
	}
	return channels
}

func (z zooCalibration) At(i int) (lassode.Series, error) {
	if i < 0 || i >= z.Len() {
		return lassode.Series{}, fmt.Errorf("ode: trajectory %d of %d that calibrate", i, z.Len())
	}
	part := -1
	if i >= calibrationMost {
		part = calibrationPart
	}
	s, _ := generate(z.Seed, z.N+i, trainStream, Samples, part)
	return s, nil
}
