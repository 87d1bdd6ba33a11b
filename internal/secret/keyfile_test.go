package secret_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/secret"
)

func TestCreatedKeyFileLoads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := secret.CreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: others can read the key", info.Mode())
	}
	got, err := secret.LoadKeyFile(path)
	if err != nil || got != made {
		t.Errorf("LoadKeyFile: same key %v, err %v", got == made, err)
	}
	if _, err := secret.CreateKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an existing key file was replaced: %v", err)
	}
	if again, err := secret.LoadKeyFile(path); err != nil || again != made {
		t.Errorf("the refused CreateKeyFile changed the file: %v", err)
	}
	other, err := secret.CreateKeyFile(filepath.Join(t.TempDir(), "k"))
	if err != nil || other == made {
		t.Errorf("two key files hold the same key: %v", err)
	}
}

func TestLoadKeyFileRefuses(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	random := []byte("0123456789abcdef0123456789ABCDEF")
	for name, tc := range map[string]struct{ content, want string }{
		"an empty file":         {"", "holds 0 bytes"},
		"a short key":           {b64(random[:31]), "holds 31 bytes"},
		"a long key":            {b64(append(random, 'x')), "holds 33 bytes"},
		"raw bytes":             {string(random) + "\x00", "not base64"},
		"a key of zeros":        {b64(make([]byte, 32)), "over and over"},
		"two keys in one file":  {b64(random) + "\n" + b64(random), "not base64"},
		"a file that is no key": {strings.Repeat("A", 1<<20), "must hold 32"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := secret.LoadKeyFile(path)
		if err == nil || got != [32]byte{} {
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not say what is wrong where: %v", name, err)
		}
		if len(tc.content) > 0 && strings.Contains(err.Error(), tc.content) {
			t.Errorf("%s: the error shows the content: %v", name, err)
		}
	}
	if _, err := secret.LoadKeyFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(t.TempDir(), "k")
	if err := os.WriteFile(path, []byte("\n  "+b64(random)+" \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := secret.LoadKeyFile(path); err != nil || string(got[:]) != string(random) {
		t.Errorf("white space around the key is refused: %v", err)
	}
}
