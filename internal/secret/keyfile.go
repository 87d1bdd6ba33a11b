package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
)

// keyFileMax is far above what a key file holds (45 bytes); it bounds what a
// wrong path makes us read.
const keyFileMax = 4096

// LoadKeyFile reads a master key: 32 bytes in standard base64, with or without
// white space around it. An error names the file and what is wrong with it,
// never what it holds.
func LoadKeyFile(path string) ([32]byte, error) {
	var key [32]byte
	f, err := os.Open(path)
	if err != nil {
		return key, fmt.Errorf("master key: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, keyFileMax))
	if err != nil {
		return key, fmt.Errorf("master key: %w", err)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(text)))
	switch {
	case err != nil:
		return key, fmt.Errorf("master key: %s is not base64; make one with: head -c 32 /dev/urandom | base64", path)
	case len(raw) != len(key):
		return key, fmt.Errorf("master key: %s holds %d bytes and must hold %d, in base64", path, len(raw), len(key))
	case bytes.Count(raw, raw[:1]) == len(raw):
		return key, fmt.Errorf("master key: %s holds one byte over and over; it must be random", path)
	}
	copy(key[:], raw)
	return key, nil
}

// CreateKeyFile makes a random master key, writes it to a new file that only
// its owner may read, and returns it. It refuses (fs.ErrExist) to replace a
// file: a lost master key cannot be had back.
func CreateKeyFile(path string) ([32]byte, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return [32]byte{}, fmt.Errorf("master key: %w", err)
	}
	_, err = io.WriteString(f, base64.StdEncoding.EncodeToString(key[:])+"\n")
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path)
		return [32]byte{}, fmt.Errorf("master key: %w", err)
	}
	return key, nil
}
