package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"github.com/lassode/lassode"
)

// header reads the JSON header of a safetensors file, and where its data start.
func header(file []byte) (map[string]json.RawMessage, int, error) {
	if len(file) < 8 {
		return nil, 0, fmt.Errorf("weights of %d bytes", len(file))
	}
	end := 8 + int(binary.LittleEndian.Uint64(file))
	if end < 8 || end > len(file) {
		return nil, 0, fmt.Errorf("weights with a header up to byte %d of %d", end, len(file))
	}
	var h map[string]json.RawMessage
	return h, end, json.Unmarshal(file[8:end], &h)
}

// withWindows returns a model with the same weights and other limits of the
// number of windows: the network takes any number, so that they may be set in
// the file's configuration.
func withWindows(m *lassode.Model, least, most int) (*lassode.Model, error) {
	var file bytes.Buffer
	if err := m.Save(&file, lassode.Float32); err != nil {
		return nil, err
	}
	h, end, err := header(file.Bytes())
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
	out = append(append(out, head...), file.Bytes()[end:]...)
	return lassode.Load(bytes.NewReader(out))
}

// parameter reads a float32 tensor of a model's file by name.
func parameter(m *lassode.Model, name string) ([]float64, error) {
	var file bytes.Buffer
	if err := m.Save(&file, lassode.Float32); err != nil {
		return nil, err
	}
	h, end, err := header(file.Bytes())
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
	if t.Type != "F32" || t.Offsets[0] < 0 || t.Offsets[1] > file.Len()-end {
		return nil, fmt.Errorf("tensor %s is %s at %v", name, t.Type, t.Offsets)
	}
	var out []float64
	for b := file.Bytes()[end:][t.Offsets[0]:t.Offsets[1]]; len(b) >= 4; b = b[4:] {
		out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return out, nil
}
