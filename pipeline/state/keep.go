package state

import (
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/quell-stream/quell/internal/fsys"
)

// Keep writes a checkpoint to a file of its own in dir, which is there, and returns its
// path once it is durable. The file is a full one, and no stream opens it. Its name
// follows from the content: to keep the same again changes nothing, and nothing else is
// overwritten.
func Keep(dir string, c Checkpoint) (string, error) { return keepIn(fsys.OS{}, dir, c) }

func keepIn(disk fsys.FS, dir string, c Checkpoint) (string, error) {
	s := &Stream{dir: dir, fs: disk, part: partFrame, most: maxFrame}
	if err := s.fits(&c); err != nil {
		return "", err
	}
	sum := uint32(0)
	eachPiece(0, &c, func(b []byte) { sum = crc32.Update(sum, castagnoli, b) })
	path := filepath.Join(dir, fmt.Sprintf("channels-%08x.full", sum))
	err := fsys.WriteWith(disk, path, func(f fsys.File) error {
		_, err := s.writeChange(f, 0, &c, true)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	return path, nil
}
