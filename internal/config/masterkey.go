package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// MasterKey loads the key that wraps stored credentials. With SQLite and no
// file named, it lies beside the database (PATH.key) and is made at first use.
// A file that anybody but its owner may write to is refused: whoever can
// replace the key can make the program keep credentials under a known one.
func (c Config) MasterKey() ([32]byte, error) {
	path, mayCreate := c.MasterKeyFile, false
	if path == "" {
		if !c.IsSQLite() {
			return [32]byte{}, c.CheckServe()
		}
		path, mayCreate = c.SQLitePath()+".key", true
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayCreate:
		key, err := secret.CreateKeyFile(path)
		if errors.Is(err, fs.ErrExist) { // another process was quicker
			return secret.LoadKeyFile(path)
		}
		return key, err
	case err != nil:
		return [32]byte{}, fmt.Errorf("%s: %w", varMasterKeyFile, err)
	case info.Mode().Perm()&0o022 != 0:
		return [32]byte{}, fmt.Errorf("%s: others than its owner may write to %s; correct it with: chmod go-w %s", varMasterKeyFile, path, path)
	}
	return secret.LoadKeyFile(path)
}
