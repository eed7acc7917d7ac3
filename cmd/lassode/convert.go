package main

import (
	"context"

	"github.com/lassode/lassode"
)

// precisionUsage explains the flag that names the precision of weights.
const precisionUsage = "number format of the weights: float32, bfloat16 (half the size) or int8 (a quarter)"

func convertCommand() *command {
	return &command{
		name:     "convert",
		synopsis: "-out W2 [-model W] [-precision P]",
		summary:  "store weights in another number format, for small devices",
		detail: `
Every command reads every format. float32 keeps weights as they are. bfloat16
keeps about three digits. int8 stores each large matrix as integers with a
scale for each of its outputs, and the rest as float32. Each is a safetensors
file.`,
		examples: `
lassode convert -precision int8 -out small.safetensors
lassode convert -model tuned.safetensors -precision bfloat16 -out half.safetensors`,
		run: runConvert,
	}
}

func runConvert(_ context.Context, env *environment, c *command, args []string) error {
	fs := c.flags(env)
	out := fs.String("out", "", "weights `file` to write")
	modelFile := fs.String("model", "", "weights `file` to read (default: the built-in weights)")
	format := fs.String("precision", "int8", precisionUsage)
	positional, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	if *out == "" {
		return usagef("-out is missing, want a weights file")
	}
	precision, err := lassode.ParsePrecision(*format)
	if err != nil {
		return &usageError{describe("", err).Error()}
	}
	if err := keepInputs([]string{*modelFile}, *out); err != nil {
		return err
	}
	model, err := loadModel(env, *modelFile)
	if err != nil {
		return err
	}
	target, err := createOutput(env, *out)
	if err != nil {
		return err
	}
	defer target.Abort()
	if err := model.Save(target, precision); err != nil {
		return err
	}
	return target.Commit()
}
