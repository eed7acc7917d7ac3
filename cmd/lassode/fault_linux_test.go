package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Limits that a child puts on itself: the largest file in bytes, and a user
// without the rights of root.
const (
	fileVariable = "LASSODE_TEST_FILE"
	userVariable = "LASSODE_TEST_USER"
)

func limitChild() {
	fail := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	if n, err := strconv.ParseUint(os.Getenv(fileVariable), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // the write fails instead
		fail(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}))
	}
	if n, err := strconv.Atoi(os.Getenv(userVariable)); err == nil {
		fail(syscall.Setuid(n))
	}
}

// temporary lists the files of a folder that no finished job leaves.
func temporary(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		if strings.Contains(e.Name(), "tmp") {
			all = append(all, e.Name())
		}
	}
	return all
}

// TestFaults lets the disk fill up, the folder become read-only and writes fail
// half way while jobs run: they must end with an error that says so, leave what
// was good, and, once the cause is gone, end with the files of a run that nobody
// disturbed.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("nine jobs, each disturbed, then run to its end")
	}
	const nobody = 65534
	root := os.Getuid() == 0
	calm := map[string]map[string]string{} // files of each job undisturbed
	for _, fault := range []struct {
		name, says string
		folder     func(t *testing.T) string
		// hurt is called once there is something to lose. It returns how the job
		// ended, and what takes the cause away.
		hurt func(t *testing.T, job job, dir string, cmd *exec.Cmd, out *strings.Builder) (error, func())
		env  []string
	}{
		{"full disk", "no space left on device", func(t *testing.T) string {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
				t.Skipf("cannot mount a small disk: %v", err)
			}
			t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
			out := filepath.Join(dir, "out")
			require.NoError(t, os.Mkdir(out, 0o755))
			return out
		}, func(t *testing.T, _ job, dir string, cmd *exec.Cmd, _ *strings.Builder) (error, func()) {
			filler, err := os.Create(filepath.Join(filepath.Dir(dir), "filler"))
			require.NoError(t, err)
			defer filler.Close()
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			block := make([]byte, 4096)
			for { // also what the job frees when it replaces a file
				select {
				case err := <-ended:
					return err, func() { require.NoError(t, os.Remove(filler.Name())) }
				default:
					if _, err := filler.Write(block); err != nil {
						require.ErrorIs(t, err, syscall.ENOSPC)
						time.Sleep(200 * time.Microsecond)
					}
				}
			}
		}, nil},
		{"read-only folder", "permission denied", func(t *testing.T) string {
			dir := t.TempDir()
			if root {
				require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
				require.NoError(t, os.Chown(dir, nobody, nobody))
			}
			return dir
		}, func(t *testing.T, _ job, dir string, cmd *exec.Cmd, _ *strings.Builder) (error, func()) {
			require.NoError(t, os.Chmod(dir, 0o555))
			return cmd.Wait(), func() { require.NoError(t, os.Chmod(dir, 0o755)) }
		}, map[bool][]string{true: {userVariable + "=" + strconv.Itoa(nobody)}}[root]},
		{"failing writes", "file too large", func(t *testing.T) string { return t.TempDir() },
			func(t *testing.T, job job, dir string, cmd *exec.Cmd, out *strings.Builder) (error, func()) {
				require.NoError(t, cmd.Process.Kill())
				_ = cmd.Wait()
				out.Reset()
				return start(t, job.kind, out, []string{fileVariable + "=20000"}, job.args(dir)...).Wait(), func() {}
			}, nil},
	} {
		t.Run(fault.name, func(t *testing.T) {
			for _, job := range jobs(t, 4) {
				t.Run(job.name, func(t *testing.T) {
					if root { // the files of the job are to be read by anybody
						for _, arg := range job.args("") {
							if strings.HasPrefix(arg, os.TempDir()) {
								require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(arg)), 0o755))
							}
						}
					}
					dir := fault.folder(t)
					old, sign := "", ".state" // what begins to be there when there is something to lose
					switch job.name {
					case "generate":
						sign = "manifest.json"
					case "finetune":
						old, sign = "the weights of before", ".safetensors.lassode.tmp"
						require.NoError(t, os.WriteFile(filepath.Join(dir, "w.safetensors"), []byte(old), 0o666))
					}
					var out strings.Builder
					cmd := start(t, job.kind, &out, fault.env, job.args(dir)...)
					deadline := time.Now().Add(time.Minute)
					for found := false; !found; {
						entries, err := os.ReadDir(dir)
						require.NoError(t, err)
						for _, e := range entries {
							found = found || strings.HasSuffix(e.Name(), sign) && !strings.HasPrefix(e.Name(), ".")
						}
						require.True(t, time.Now().Before(deadline), "%s does not appear", sign)
						time.Sleep(time.Millisecond)
					}
					err, heal := fault.hurt(t, job, dir, cmd, &out)
					var exit *exec.ExitError
					require.True(t, errors.As(err, &exit), "it ended well")
					require.Equal(t, exitError, exit.ExitCode(), out.String())
					require.Contains(t, out.String(), fault.says)
					if old != "" {
						b, err := os.ReadFile(filepath.Join(dir, "w.safetensors"))
						require.NoError(t, err)
						require.Equal(t, old, string(b))
					} else {
						job.check(t, dir)
					}
					if fault.name == "full disk" { // elsewhere a file cannot be removed, or is of the killed process
						require.Empty(t, temporary(t, dir))
					}
					heal()
					out.Reset()
					require.NoError(t, start(t, job.kind, &out, fault.env, job.args(dir)...).Wait(), "%s", &out)
					if calm[job.name] == nil {
						dir := t.TempDir()
						require.True(t, child(t, job.kind, 0, job.args(dir)...))
						calm[job.name] = contents(t, dir)
					}
					require.Equal(t, calm[job.name], contents(t, dir))
				})
			}
		})
	}
}

// TestPipeAmongSeries: a pipe in a folder of series is an error, and no wait.
func TestPipeAmongSeries(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "a.csv"), 0o600))
	_, _, err := loadSeries(t.Context(), &environment{}, dir, 9)
	require.ErrorContains(t, err, "a.csv is not a regular file but p")
}

// A folder that cannot be written is refused before any work.
func TestForbiddenFolder(t *testing.T) {
	csv := write(t, "wave.csv", waveCSV(60))
	file := write(t, "file", "")
	for _, args := range [][]string{
		{"generate", "-n", "10", "-out", filepath.Join(file, "zoo")},
		{"pretrain", "-steps", "1", "-out", filepath.Join(file, "w")},
		{"pretrain", "-steps", "1", "-out", "/proc/no-such-folder/w"},
		{"finetune", "-steps", "1", "-data", csv, "-out", filepath.Join(file, "w")},
	} {
		begin := time.Now()
		code, _, errs := lassodeRun(t, "", args...)
		require.Equal(t, exitError, code, "%v", args)
		require.Contains(t, errs, "director", "%v", args)
		require.Less(t, time.Since(begin), 10*time.Second)
	}
}
