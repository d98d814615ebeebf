package adapt

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quell-stream/quell/internal/atomicfile"
	"github.com/quell-stream/quell/internal/fsys"
)

// namesFile of a folder of states tells the channels that they were made with, in their
// order, as a list in JSON. Folders of earlier versions have none: there the channels are
// taken to be those configured.
const namesFile = "channels.json"

// claim makes the folder one of the channels configured: states that were made with
// others, or in another order, are moved to a folder channels-N in it, with a message.
func (c *Config) claim() error {
	if c.Dir == "" || len(c.Names) == 0 {
		return nil
	}
	path := filepath.Join(c.Dir, namesFile)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		var was []string
		if err := json.Unmarshal(b, &was); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if slices.Equal(was, c.Names) {
			return nil
		}
		if err := c.moveStates(was); err != nil {
			return err
		}
	}
	if b, err = json.Marshal(c.Names); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(b, '\n'), 0o600)
}

// moveStates moves all states out of the way, to a folder of their own.
func (c *Config) moveStates(was []string) error {
	states, err := fsys.WithExt(c.Dir, ".adapt")
	if err != nil || len(states) == 0 {
		return err
	}
	aside := ""
	for n := 1; ; n++ {
		aside = filepath.Join(c.Dir, fmt.Sprintf("channels-%d", n))
		if err := os.Mkdir(aside, 0o700); err == nil {
			break
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, s := range states {
		if err := os.Rename(s, filepath.Join(aside, filepath.Base(s))); err != nil {
			return err
		}
	}
	c.Log.Warn("the state of adaptation is of other channels, or has them in another order, and was set aside: replay buffers, banks and what was being trained begin anew",
		"states", len(states), "channels_of_the_state", strings.Join(was, ", "), "channels", strings.Join(c.Names, ", "), "kept", aside)
	return errors.Join(atomicfile.SyncDir(aside), atomicfile.SyncDir(c.Dir))
}
