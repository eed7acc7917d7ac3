// Package atomicfile replaces files whole: what is written goes to a temporary file beside
// the target, is synced and renamed, so that a failure or a kill at any moment leaves either
// the old contents or the new, never a part.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// suffix is added to the name of a target for that of its temporary file. There is one name
// for each target, so that what a killed process left goes with the next write; nobody else
// has files of such a name, which would go as well.
const suffix = ".lassode.tmp"

// File is a file in the making, open for writing. It belongs to one goroutine.
type File struct {
	*os.File
	target string
}

// Create begins to write the file path, in the folder of which it makes a temporary one. The
// permissions are those of the file that is replaced, or those of any new file. A link is
// replaced, not the file behind it. The caller ends with Commit or Abort.
func Create(path string) (*File, error) {
	mode := fs.FileMode(0o666)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		mode = info.Mode().Perm()
	}
	if err := Discard(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+suffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	return &File{f, path}, nil
}

// Discard removes what a killed process left of writing path, if anything.
func Discard(path string) error {
	if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Commit puts the file in place. After an error the target is as it was and the temporary file
// is gone.
func (f *File) Commit() error {
	err := f.Sync()
	mine, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if now, err := os.Lstat(f.Name()); err != nil || !os.SameFile(mine, now) {
		return fmt.Errorf("another process writes %s", f.target)
	}
	if err := os.Rename(f.Name(), f.target); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	// The rename itself must reach the disk; not every system can sync a folder.
	if d, err := os.Open(filepath.Dir(f.target)); err == nil {
		_ = d.Sync()
		d.Close()
	}
	return nil
}

// Abort drops the file; the target is as it was.
func (f *File) Abort() {
	f.Close()
	os.Remove(f.Name())
}

// Write replaces the file path by what write produces, or leaves it as it was.
func Write(path string, write func(w io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Abort()
		return err
	}
	return f.Commit()
}
