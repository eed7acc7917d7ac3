package asm

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// neonMacro is one line of neon_arm64.h.
type neonMacro struct {
	name    string
	params  []string
	comment string
}

// at is the call of the macro with the given arguments, and the instruction that its
// comment promises: vd is the register numbered d, #s the count s, [i] the lane i.
func (m neonMacro) at(args map[string]int) (call, want string) {
	var list []string
	for _, p := range m.params {
		list = append(list, strconv.Itoa(args[p]))
	}
	want = regexp.MustCompile(`\b([vsdh])([mnd])\b`).ReplaceAllStringFunc(m.comment, func(s string) string {
		return s[:1] + strconv.Itoa(args[s[1:]])
	})
	want = strings.Replace(want, "#s", "#"+strconv.Itoa(args["s"]), 1)
	want = strings.Replace(want, "[i]", "["+strconv.Itoa(args["i"])+"]", 1)
	return m.name + "(" + strings.Join(list, ", ") + ")", want
}

func neonMacros(t *testing.T) []neonMacro {
	text, err := os.ReadFile("neon_arm64.h")
	require.NoError(t, err)
	line := regexp.MustCompile(`^#define (\w+)\(([a-z, ]+)\) +WORD \$\(.*\) +// (.+)$`)
	var all []neonMacro
	for i, l := range strings.Split(string(text), "\n") {
		if l == "" || strings.HasPrefix(l, "//") {
			continue
		}
		m := line.FindStringSubmatch(l)
		require.NotNil(t, m, "neon_arm64.h:%d: want one macro per line with its instruction as a comment", i+1)
		all = append(all, neonMacro{m[1], strings.Split(m[2], ", "), m[3]})
	}
	return all
}

// The name of a macro must tell its instruction: V, the mnemonic (0: compared with zero),
// and the arrangement of the vector or the size of the scalar.
func TestNeonNames(t *testing.T) {
	forms := map[string]string{"S4": ".4s", "D2": ".2d", "S2": ".2s", "H4": ".4h", "H8": ".8h", "B16": ".16b", "S": " sd,", "D": " dd,"}
	seen := map[string]bool{}
	for _, m := range neonMacros(t) {
		require.False(t, seen[m.name], "%s is defined twice", m.name)
		seen[m.name] = true
		part := strings.Split(m.name, "_")
		mnemonic, _, _ := strings.Cut(m.comment, " ")
		name, zero := strings.CutSuffix(part[0], "0")
		require.Equal(t, "V"+strings.ToUpper(mnemonic), name, m.name)
		require.Equal(t, zero, strings.HasSuffix(m.comment, ", #0"), m.name)
		require.Greater(t, len(part), 1, m.name)
		require.Contains(t, forms, part[1], m.name)
		require.Contains(t, m.comment, forms[part[1]], m.name)
		require.Equal(t, len(part) == 3 && part[2] == "LANE", strings.HasSuffix(m.comment, "[i]"), m.name)
	}
}

// goTool returns a function that runs the go tool for arm64 and returns its output. Works
// on every host that has the tool.
func goTool(t *testing.T) func(args ...string) string {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no processes here")
	}
	path, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go tool is not installed")
	}
	return func(args ...string) string {
		cmd := exec.Command(path, args...)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: %s", args, out)
		return string(out)
	}
}

// Every macro, assembled with several arguments, must disassemble to the instruction
// in its comment.
func TestNeonMacros(t *testing.T) {
	run := goTool(t)
	here, err := os.Getwd()
	require.NoError(t, err)
	root := run("env", "GOROOT")
	dir := t.TempDir()

	// Two register patterns that differ in every bit, all lanes, the ends of the shifts.
	var calls, want []string
	text := "#include \"neon_arm64.h\"\n\nTEXT ·all(SB), 4, $0\n"
	add := func(m neonMacro, args map[string]int) {
		c, w := m.at(args)
		calls, want = append(calls, c), append(want, w)
		text += "\t" + c + "\n"
	}
	for _, m := range neonMacros(t) {
		lanes, shifts := []int{0}, []int{1}
		last := m.params[0]
		if len(m.params) > 1 && m.params[1] == "i" {
			lanes = []int{0, 1, 2, 3}
			if strings.Contains(m.name, "_D2") {
				lanes = lanes[:2]
			}
		}
		if last == "s" {
			shifts = []int{1, 7, 8, 15}
			if !strings.Contains(m.name, "_B16") {
				shifts = append(shifts, 23, 31)
			}
			if strings.Contains(m.name, "_D2") {
				shifts = append(shifts, 52, 63)
			}
		}
		for _, i := range lanes {
			for _, s := range shifts {
				add(m, map[string]int{"m": 31, "n": 10, "d": 21, "i": i, "s": s})
				add(m, map[string]int{"m": 0, "n": 21, "d": 10, "i": i, "s": s})
			}
		}
	}
	source, object := filepath.Join(dir, "all_arm64.s"), filepath.Join(dir, "all.o")
	require.NoError(t, os.WriteFile(source, []byte(text+"\tRET\n"), 0o600))
	run("tool", "asm", "-p", "all", "-I", here, "-I", filepath.Join(strings.TrimSpace(root), "pkg", "include"), "-o", object, source)
	// The disassembler of Go 1.26 does not know this one: the encodings of LLVM's assembler.
	newer := map[string]string{
		"sdot v21.4s, v10.16b, v31.4b[0]": "4f9fe155", "sdot v10.4s, v21.16b, v0.4b[0]": "4f80e2aa",
		"sdot v21.4s, v10.16b, v31.4b[1]": "4fbfe155", "sdot v10.4s, v21.16b, v0.4b[1]": "4fa0e2aa",
		"sdot v21.4s, v10.16b, v31.4b[2]": "4f9fe955", "sdot v10.4s, v21.16b, v0.4b[2]": "4f80eaaa",
		"sdot v21.4s, v10.16b, v31.4b[3]": "4fbfe955", "sdot v10.4s, v21.16b, v0.4b[3]": "4fa0eaaa",
	}
	// Lines of words hold: place, address, word, Go's syntax // the manual's syntax.
	code := regexp.MustCompile(`(?m)^\s+all_arm64\.s:(\d+)\s+0x[0-9a-f]+\s+([0-9a-f]{8})\s+(?:\?|.*// (.*?))\s*$`)
	found := code.FindAllStringSubmatch(run("tool", "objdump", "-gnu", object), -1)
	require.GreaterOrEqual(t, len(found), len(calls), "instructions disassembled")
	for i, c := range calls {
		var got []string
		for _, f := range found {
			if f[1] != strconv.Itoa(i+4) {
				continue
			}
			if newer[want[i]] == f[2] {
				f[3] = want[i]
			}
			got = append(got, f[3])
		}
		require.Equal(t, []string{want[i]}, got, c)
	}
}

// The inner loops of the NEON products. In float32: 82 instructions for 256 multiply-adds,
// 64 of them multiply-adds of four lanes; what else it does is 16 loads and two of the loop.
// With integer weights: 66 for 256, 32 of them multiplications of eight bytes, and with dot
// products 90 for 1024, 64 of them of 16 bytes. HasInt8 rests on these counts.
func TestNeonLoops(t *testing.T) {
	run := goTool(t)
	for _, c := range []struct {
		file, function, branch   string
		instructions, arithmetic int
		mask, word               uint64
	}{
		{"gemm", "gemmNEONx8", "BGE", 82, 64, 0xffc0f400, 0x4f801000},   // fmla v.4s, v.4s, v.s[i]
		{"int8", "int8TileNEON", "BNE", 66, 32, 0xbfe0b000, 0x0e208000}, // smull, smlal v.8h, v.8b, v.8b, and of the upper half
		{"int8", "int8TileDot", "BNE", 90, 64, 0xffc0f400, 0x4f80e000},  // sdot v.4s, v.16b, v.4b[i]
	} {
		source := c.file + "_arm64.s"
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		// In place of the header that the compiler writes: any offsets do.
		dir, header := t.TempDir(), ""
		for _, field := range regexp.MustCompile(`\b(gemm|int8)Args_\w+`).FindAllString(string(text), -1) {
			if line := "#define " + field + " 8\n"; !strings.Contains(header, line) {
				header += line
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go_asm.h"), []byte(header), 0o600))
		object := filepath.Join(dir, "loop.o")
		run("tool", "asm", "-p", "asm", "-I", ".", "-I", dir, "-I", filepath.Join(strings.TrimSpace(run("env", "GOROOT")), "pkg", "include"), "-o", object, source)
		line := regexp.MustCompile(`(?m)^\s+\w+_arm64\.s:\d+\s+0x[0-9a-f]+\s+([0-9a-f]{8})\s+(.*?)\s*$`)
		loop := regexp.MustCompile(`^` + c.branch + ` -(\d+)\(PC\)$`) // the only one that runs while steps are left
		var words []uint64
		found := false
		for _, m := range line.FindAllStringSubmatch(run("tool", "objdump", "-s", `\.`+c.function+`$`, object), -1) {
			w, err := strconv.ParseUint(m[1], 16, 32)
			require.NoError(t, err)
			words = append(words, w)
			back := loop.FindStringSubmatch(m[2])
			if back == nil {
				continue
			}
			require.False(t, found, "%s: one such loop", c.function)
			found = true
			n, err := strconv.Atoi(back[1])
			require.NoError(t, err)
			require.Equal(t, c.instructions, n+1, "instructions of the loop of %s", c.function)
			arithmetic := 0
			for _, w := range words[len(words)-n-1:] {
				if w&c.mask == c.word {
					arithmetic++
				}
			}
			require.Equal(t, c.arithmetic, arithmetic, c.function)
		}
		require.True(t, found, "loop of %s", c.function)
	}
}

// Encodings outside the header would escape the test above.
func TestNoBareWords(t *testing.T) {
	files, err := filepath.Glob("../*/*_arm64.[hs]")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	word := regexp.MustCompile(`\b(WORD|LONG|BYTE)\b\s*\$`)
	for _, f := range files {
		if filepath.Base(f) == "neon_arm64.h" {
			continue
		}
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for i, l := range strings.Split(string(text), "\n") {
			require.False(t, word.MatchString(l), "%s:%d: encoding outside neon_arm64.h", f, i+1)
		}
	}
}
