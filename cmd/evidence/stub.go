package main

import "io"

func runCost(io.Writer, options) error      { return nil }
func runStability(io.Writer, options) error { return nil }
