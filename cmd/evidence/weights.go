package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/lassode/lassode"
)

// saved returns the JSON header of a model's file, and the data behind it.
func saved(m *lassode.Model) (header map[string]json.RawMessage, data []byte, err error) {
	var file bytes.Buffer
	if err := m.Save(&file, lassode.Float32); err != nil {
		return nil, nil, err
	}
	b := file.Bytes()
	end := 8 + int(binary.LittleEndian.Uint64(b))
	err = json.Unmarshal(b[8:end], &header)
	return header, b[end:], err
}

// withWindows returns a model with the same weights and other limits of the
// number of windows: the network takes any number, so that they may be set in
// the file's configuration.
func withWindows(m *lassode.Model, least, most int) (*lassode.Model, error) {
	h, data, err := saved(m)
	if err != nil {
		return nil, err
	}
	var meta map[string]string
	if err := json.Unmarshal(h["__metadata__"], &meta); err != nil {
		return nil, err
	}
	cfg := m.Info().Config
	cfg.MinWindows, cfg.MaxWindows = least, most
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	meta["config"] = string(text)
	if h["__metadata__"], err = json.Marshal(meta); err != nil {
		return nil, err
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	out = append(append(out, head...), data...)
	return lassode.Load(bytes.NewReader(out))
}

// parameter reads a float32 tensor of a model's file by name.
func parameter(m *lassode.Model, name string) ([]float64, error) {
	h, data, err := saved(m)
	if err != nil {
		return nil, err
	}
	var t struct {
		Type    string `json:"dtype"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(h[name], &t); err != nil {
		return nil, fmt.Errorf("tensor %s: %w", name, err)
	}
	if t.Type != "F32" || t.Offsets[0] < 0 || t.Offsets[1] > len(data) {
		return nil, fmt.Errorf("tensor %s is %s at %v", name, t.Type, t.Offsets)
	}
	var out []float64
	for b := data[t.Offsets[0]:t.Offsets[1]]; len(b) >= 4; b = b[4:] {
		out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return out, nil
}
