package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

func serveCommand() *command {
	return &command{
		name:     "serve",
		synopsis: "[-dir DIR] [-addr HOST:PORT]",
		summary:  "serve the page that runs the engine in a browser",
		detail: `
The page is a folder of files, made in a checkout of this module by
  go run ./web/build
It needs no server but one for files; this is such a one. It answers to this
machine alone unless -addr says otherwise, serves the files of the folder and
nothing outside it, and sends FILE.gz for FILE where it lies beside it.`,
		examples: `
lassode serve
lassode serve -dir web/dist -addr 127.0.0.1:9000`,
		run: runServe,
	}
}

func runServe(ctx context.Context, env *environment, c *command, args []string) error {
	flags := c.flags(env)
	dir := flags.String("dir", filepath.Join("web", "dist"), "`folder` of the page")
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen at; port 0 takes a free one")
	positional, err := parse(flags, args)
	if err != nil {
		return err
	}
	if err := noArguments(positional); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*addr)
	if err != nil {
		return usagef("-addr is %q, want HOST:PORT such as 127.0.0.1:8080", *addr)
	}
	for _, name := range []string{"index.html", "lassode.wasm"} {
		if _, err := os.Stat(filepath.Join(*dir, name)); err != nil {
			return fmt.Errorf("there is no page in %s: %w; make one with 'go run ./web/build' in a checkout of the module, or name its folder by -dir", *dir, err)
		}
	}
	// A root refuses links that lead out of the folder.
	root, err := os.OpenRoot(*dir)
	if err != nil {
		return err
	}
	defer root.Close()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address by -addr", err)
	}
	server := newServer(pageHandler(root.FS()))
	fmt.Fprintf(env.stdout, "Serving %s at http://%s/ until interrupted\n", *dir, listener.Addr())
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		fmt.Fprintf(env.stderr, "lassode serve: %s can be reached from other machines\n", *addr)
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newServer makes a server that gives up a client that sends or reads no more: each
// holds a connection and an open file.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // a page over a slow line
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 16,
	}
}

// contentTypes are the types of the files of a page. They do not depend on
// what the machine has installed; WebAssembly does not stream with any other.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".json": "application/json",
	".csv":  "text/csv; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".wasm": "application/wasm",
}

// pageHandler serves the regular files of a file system, without listings and
// without names that begin with a dot.
func pageHandler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are served", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "index.html"
		}
		for part := range strings.SplitSeq(name, "/") {
			if strings.HasPrefix(part, ".") {
				http.NotFound(w, r)
				return
			}
		}
		if !fs.ValidPath(name) || strings.ContainsAny(name, `\:`) {
			http.NotFound(w, r)
			return
		}
		file, info := openRegular(files, name)
		if file == nil {
			http.NotFound(w, r)
			return
		}
		defer func() { file.Close() }()

		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-cache") // ask again, so that a new build shows
		kind, ok := contentTypes[strings.ToLower(path.Ext(name))]
		if !ok {
			kind = "application/octet-stream"
		}
		header.Set("Content-Type", kind)
		// An older compressed file belongs to an older build.
		if packed, packedInfo := openRegular(files, name+".gz"); packed != nil {
			if packedInfo.ModTime().Before(info.ModTime()) {
				packed.Close()
			} else {
				header.Set("Vary", "Accept-Encoding")
				if acceptsGzip(r.Header.Get("Accept-Encoding")) {
					file.Close()
					file, info = packed, packedInfo
					header.Set("Content-Encoding", "gzip")
					r.Header.Del("Range") // ranges are those of the file, not of its compression
				} else {
					packed.Close()
				}
			}
		}
		http.ServeContent(w, r, name, info.ModTime(), file)
	})
}

// seekable is a file that can be served.
type seekable interface {
	fs.File
	Seek(offset int64, whence int) (int64, error)
}

// openRegular opens a regular file, or returns nil.
func openRegular(files fs.FS, name string) (seekable, fs.FileInfo) {
	// Opening a pipe would wait for its other end.
	if info, err := fs.Stat(files, name); err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, nil
	}
	s, ok := f.(seekable)
	info, err := f.Stat()
	if !ok || err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, nil
	}
	return s, info
}

// acceptsGzip reads an Accept-Encoding header.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.0")
		}
	}
	return false
}
