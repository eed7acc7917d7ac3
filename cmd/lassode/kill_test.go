//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lassode/lassode/ode"
)

// childVariable makes the test binary run a command line, or a collection in
// small shards, instead of the tests.
const childVariable = "LASSODE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		limitChild()
	}
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "shards":
		n, err := strconv.Atoi(os.Args[2])
		if err == nil {
			_, err = ode.WriteCollection(context.Background(), os.Args[1], 3, n, ode.WriteOptions{ShardTrajectories: 10, Resume: true})
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(exitError)
		}
		os.Exit(exitOK)
	default:
		os.Exit(run(context.Background(), &environment{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
	}
}

// kills is how often each job is killed: LASSODE_KILLS, or a few.
func kills(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("LASSODE_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 1
	}
	return 2
}

// start starts a job; its messages go to the writer.
func start(t *testing.T, kind string, messages io.Writer, environment []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), childVariable+"="+kind), environment...)
	cmd.Stderr = messages
	require.NoError(t, cmd.Start())
	return cmd
}

// child runs a job to its end, or kills it after a while; it reports whether it
// ended by itself.
func child(t *testing.T, kind string, kill time.Duration, args ...string) bool {
	t.Helper()
	var out strings.Builder
	cmd := start(t, kind, &out, nil, args...)
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		require.Equal(t, syscall.SIGKILL, status.Signal())
		return false
	}
	require.NoError(t, err, "%v: %s", args, out.String())
	return true
}

// contents has the hashes of all files of a folder, logs of the run itself left out.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".jsonl") || strings.HasSuffix(e.Name(), ".svg") {
			all[e.Name()] = ""
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		all[e.Name()] = hex.EncodeToString(sum[:])
	}
	return all
}

// job is a command that writes into a folder and can be run again.
type job struct {
	name, kind string
	args       func(dir string) []string
	check      func(t *testing.T, dir string) // what is there must be whole
}

// jobs are the commands that write for long; the larger, the longer they take.
func jobs(t *testing.T, size int) []job {
	files := t.TempDir()
	config, csv := filepath.Join(files, "c.json"), filepath.Join(files, "wave.csv")
	require.NoError(t, os.WriteFile(config, []byte(strings.Replace(toyConfig, `"save_every":2`, `"save_every":1`, 1)), 0o644))
	require.NoError(t, os.WriteFile(csv, []byte(waveCSV(60)), 0o644))
	original := filepath.Join(files, "original.safetensors")
	require.True(t, child(t, "command", 0, "pretrain", "-config", config, "-steps", "1", "-out", original))
	weights := func(t *testing.T, dir string) {
		path := filepath.Join(dir, "w.safetensors")
		if _, err := os.Stat(path); err == nil {
			_, err := loadModel(&environment{}, path)
			require.NoError(t, err)
		}
	}
	return []job{
		{"generate", "shards", func(dir string) []string { return []string{dir, strconv.Itoa(120 * size)} }, func(t *testing.T, dir string) {
			if _, err := os.Stat(filepath.Join(dir, "manifest.json")); os.IsNotExist(err) {
				return // ended before the first shard
			}
			c, err := ode.OpenCollection(dir)
			require.NoError(t, err)
			require.NoError(t, c.Verify(t.Context()))
			require.NoError(t, c.Close())
		}},
		{"pretrain", "command", func(dir string) []string {
			return []string{"pretrain", "-data", "zoo", "-out", filepath.Join(dir, "w.safetensors"), "-config", config, "-steps", strconv.Itoa(12 * size), "-resume"}
		}, weights},
		{"finetune", "command", func(dir string) []string {
			return []string{"finetune", "-model", original, "-data", csv, "-out", filepath.Join(dir, "w.safetensors"), "-steps", strconv.Itoa(3 * size)}
		}, weights},
	}
}

// TestKilled kills jobs with SIGKILL at random moments and goes on with them
// until they end: the files must be those of a run that nobody disturbed, bit for
// bit, with nothing beside them, and whole at every moment.
func TestKilled(t *testing.T) {
	for _, job := range jobs(t, 1) {
		t.Run(job.name, func(t *testing.T) {
			calm, rough := t.TempDir(), t.TempDir()
			start := time.Now()
			require.True(t, child(t, job.kind, 0, job.args(calm)...))
			whole := time.Since(start)
			want := contents(t, calm)
			r := rand.New(rand.NewPCG(1, uint64(len(job.name))))
			done, ended := 0, 0
			for done < kills(t) {
				if child(t, job.kind, time.Duration(float64(whole)*r.Float64())+time.Millisecond, job.args(rough)...) {
					require.Equal(t, want, contents(t, rough))
					ended++
					rough = t.TempDir() // it got through: from the start
					continue
				}
				done++
				job.check(t, rough)
			}
			require.True(t, child(t, job.kind, 0, job.args(rough)...))
			require.Equal(t, want, contents(t, rough))
			t.Logf("%d kills, %d complete runs with the same bits and no other files; an undisturbed run takes %v", done, ended+1, whole.Round(time.Millisecond))
		})
	}
}
