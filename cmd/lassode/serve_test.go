package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pageFolder makes a folder with a page, a compressed module and a secret
// beside it.
func pageFolder(t *testing.T) string {
	t.Helper()
	outer := t.TempDir()
	dir := filepath.Join(outer, "dist")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "examples"), 0o777))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("\x00asm module"))
	require.NoError(t, z.Close())
	for name, text := range map[string]string{
		"dist/index.html":      "<!doctype html>page",
		"dist/page.js":         "1",
		"dist/style.css":       "a{}",
		"dist/lassode.wasm":    "\x00asm module",
		"dist/examples/a.csv":  "t,x\n0,1\n",
		"dist/.hidden":         "hidden",
		"dist/lassode.wasm.gz": packed.String(),
		"dist/stale.js":        "new",
		"dist/stale.js.gz":     "old",
		"secret.txt":           "secret",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(outer, filepath.FromSlash(name)), []byte(text), 0o666))
	}
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "lassode.wasm"), old, old))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "stale.js.gz"), old, old))
	return dir
}

// lineWriter hands on the first line that is written to it.
type lineWriter struct {
	text strings.Builder
	line chan string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.text.Write(p)
	if line, _, ok := strings.Cut(w.text.String(), "\n"); ok && w.line != nil {
		w.line <- line
		w.line = nil
	}
	return len(p), nil
}

func TestServe(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no sockets")
	}
	dir := pageFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	line := make(chan string, 1)
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, &environment{strings.NewReader(""), &lineWriter{line: line}, &errs}, []string{"serve", "-dir", dir, "-addr", "127.0.0.1:0"})
	}()
	var base string
	select {
	case first := <-line:
		_, rest, ok := strings.Cut(first, "http://")
		require.True(t, ok, first)
		base, _, _ = strings.Cut(rest, "/")
	case <-time.After(10 * time.Second):
		t.Fatal("no address printed: " + errs.String())
	}

	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 10 * time.Second}
	get := func(method, path, encoding string) (*http.Response, string) {
		r, err := http.NewRequest(method, "http://"+base+path, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", encoding)
		answer, err := client.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer, string(body)
	}
	for path, want := range map[string]struct{ kind, body string }{
		"/":               {"text/html; charset=utf-8", "<!doctype html>page"},
		"/index.html":     {"text/html; charset=utf-8", "<!doctype html>page"},
		"/page.js":        {"text/javascript; charset=utf-8", "1"},
		"/style.css?v=1":  {"text/css; charset=utf-8", "a{}"},
		"/lassode.wasm":   {"application/wasm", "\x00asm module"},
		"/examples/a.csv": {"text/csv; charset=utf-8", "t,x\n0,1\n"},
		"/stale.js":       {"text/javascript; charset=utf-8", "new"},
	} {
		for _, encoding := range []string{"", "br, gzip", "gzip;q=0", "GZIP ; q=0.5"} {
			answer, body := get("GET", path, encoding)
			require.Equal(t, 200, answer.StatusCode, path)
			require.Equal(t, want.kind, answer.Header.Get("Content-Type"), path)
			if answer.Header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(strings.NewReader(body))
				require.NoError(t, err)
				plain, err := io.ReadAll(z)
				require.NoError(t, err)
				body = string(plain)
			}
			require.Equal(t, want.body, body, path)
			packed := path == "/lassode.wasm" && (encoding == "br, gzip" || encoding == "GZIP ; q=0.5")
			require.Equal(t, packed, answer.Header.Get("Content-Encoding") == "gzip", "%s %s", path, encoding)
		}
	}
	answer, body := get("HEAD", "/page.js", "")
	require.Equal(t, 200, answer.StatusCode)
	require.Empty(t, body)
	answer, _ = get("POST", "/", "")
	require.Equal(t, 405, answer.StatusCode)

	if os.Symlink(filepath.Join("..", "secret.txt"), filepath.Join(dir, "link.txt")) == nil {
		answer, _ = get("GET", "/link.txt", "")
		require.Equal(t, 404, answer.StatusCode, "a link out of the folder")
	}
	for _, path := range []string{"/missing", "/examples", "/examples/", "/.hidden", "/%2ehidden", "/page.js/"} {
		answer, body := get("GET", path, "")
		require.Equal(t, 404, answer.StatusCode, path)
		require.NotContains(t, body, "hidden\n", path)
	}
	// Paths that a client library would clean go over a bare connection.
	for _, path := range []string{"/../secret.txt", "/examples/../../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "//etc/passwd", `/..\secret.txt`, "/..%5csecret.txt", "/x%00"} {
		conn, err := net.Dial("tcp", base)
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.0\r\n\r\n")
		require.NoError(t, err)
		raw, err := io.ReadAll(conn)
		require.NoError(t, err)
		conn.Close()
		require.Regexp(t, `^HTTP/1\.[01] 40[04] `, string(raw), path)
		require.NotContains(t, string(raw), "secret\n", path)
	}

	cancel()
	select {
	case code := <-done:
		require.Equal(t, exitOK, code, errs.String())
	case <-time.After(10 * time.Second):
		t.Fatal("an interrupt does not stop it")
	}
	require.Empty(t, errs.String())
}

// TestServeStalled: no client may hold a connection for ever.
func TestServeStalled(t *testing.T) {
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" {
		t.Skip("no sockets")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := make(chan error, 1)
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for block := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(block)
		}
		gone <- err
	}))
	require.NotZero(t, server.ReadTimeout)
	require.NotZero(t, server.WriteTimeout)
	server.WriteTimeout = 50 * time.Millisecond
	go server.Serve(listener)
	defer server.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	require.NoError(t, err)
	select {
	case err := <-gone:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(10 * time.Second):
		t.Fatal("the server still waits")
	}
}

func TestServeErrors(t *testing.T) {
	empty := t.TempDir()
	code, _, errs := lassodeRun(t, "", "serve", "-dir", filepath.Join(empty, "nothing"))
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "go run ./web/build")
	code, _, errs = lassodeRun(t, "", "serve", "-dir", empty)
	require.Equal(t, exitError, code)
	require.Contains(t, errs, "index.html")
	code, _, errs = lassodeRun(t, "", "serve", "-addr", "8080")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `-addr is "8080", want HOST:PORT`)
	code, _, _ = lassodeRun(t, "", "serve", "here")
	require.Equal(t, exitUsage, code)
}
