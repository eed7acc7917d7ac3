// Package jsonkeys refuses JSON text that encoding/json would read in another way than
// its author may have meant, or that could exhaust the stack: the headers of weights and
// of collections may come from anyone.
package jsonkeys

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// maxDepth is how deep lists and objects may stand within one another.
const maxDepth = 16

// Check reports a key that an object of text holds twice, of which encoding/json would
// take the last, and nesting deeper than 16. Text that is not JSON passes. text is only
// read.
func Check(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var open []map[string]bool // keys of the objects around; nil for an array
	key := false               // whether a string would be one
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
		case string:
			if key {
				keys := open[len(open)-1]
				if keys[v] {
					return fmt.Errorf("key %q twice", v)
				}
				keys[v] = true
				key = false
				continue
			}
		}
		if len(open) > maxDepth {
			return fmt.Errorf("more than %d lists and objects within one another", maxDepth)
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}
