package secret_test

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tokendesk/tokendesk/internal/secret"
)

func key(b byte) [32]byte {
	var k [32]byte
	for i := range k {
		k[i] = b + byte(i)
	}
	return k
}

func TestBoxOpensWhatItSealed(t *testing.T) {
	b := secret.NewBox(key(1))
	for name, plain := range map[string][]byte{
		"text": []byte("17~abc"), "nothing": {}, "large": bytes.Repeat([]byte("x"), 1<<16),
	} {
		sealed := b.Seal(plain, "platform/1")
		if len(plain) > 3 && bytes.Contains(sealed, plain) {
			t.Errorf("%s: sealed bytes hold the plain ones", name)
		}
		got, err := b.Open(sealed, "platform/1")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: Open = %q, %v", name, got, err)
		}
	}
	if bytes.Equal(b.Seal([]byte("a"), "c"), b.Seal([]byte("a"), "c")) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
}

func TestBoxRefuses(t *testing.T) {
	b := secret.NewBox(key(1))
	sealed := b.Seal([]byte("canary"), "platform/1")
	change := func(i int) []byte {
		c := bytes.Clone(sealed)
		c[i] ^= 1
		return c
	}
	for name, tc := range map[string]struct {
		box     *secret.Box
		sealed  []byte
		context string
	}{
		"another context":              {b, sealed, "platform/2"},
		"no context":                   {b, sealed, ""},
		"another key":                  {secret.NewBox(key(2)), sealed, "platform/1"},
		"a changed format byte":        {b, change(0), "platform/1"},
		"a changed key id":             {b, change(3), "platform/1"},
		"a changed nonce":              {b, change(10), "platform/1"},
		"a changed ciphertext":         {b, change(22), "platform/1"},
		"a changed tag":                {b, change(len(sealed) - 1), "platform/1"},
		"a cut tail":                   {b, sealed[:len(sealed)-1], "platform/1"},
		"a head without a body":        {b, sealed[:9], "platform/1"},
		"a piece of a head":            {b, sealed[:4], "platform/1"},
		"nothing":                      {b, nil, "platform/1"},
		"bytes that were never sealed": {b, []byte("canary canary canary canary canary canary"), "platform/1"},
	} {
		got, err := tc.box.Open(tc.sealed, tc.context)
		if !errors.Is(err, secret.ErrSealed) || got != nil {
			t.Errorf("%s: Open = %q, %v", name, got, err)
		}
	}
}

func TestBoxHoldsRetiredKeys(t *testing.T) {
	before, both, after := secret.NewBox(key(1)), secret.NewBox(key(2), key(1)), secret.NewBox(key(2))
	old := before.Seal([]byte("v"), "c")
	if got, err := both.Open(old, "c"); err != nil || string(got) != "v" {
		t.Errorf("a retired key does not open: %q, %v", got, err)
	}
	if both.Current(old) {
		t.Error("bytes of a retired key are called current")
	}
	fresh := both.Seal([]byte("v"), "c")
	if !both.Current(fresh) {
		t.Error("fresh bytes are not called current")
	}
	if got, err := after.Open(fresh, "c"); err != nil || string(got) != "v" {
		t.Errorf("the first key did not seal: %q, %v", got, err)
	}
	if both.Current(nil) {
		t.Error("nothing is called current")
	}
}

func TestMAC(t *testing.T) {
	b := secret.NewBox(key(1))
	m := b.MAC("leak intake", []byte("token"))
	if len(m) != 32 {
		t.Fatalf("length %d", len(m))
	}
	if !hmac.Equal(m, secret.NewBox(key(1)).MAC("leak intake", []byte("token"))) {
		t.Error("the same key, purpose and data give another MAC")
	}
	for name, other := range map[string][]byte{
		"another purpose": b.MAC("other", []byte("token")),
		"another key":     secret.NewBox(key(2)).MAC("leak intake", []byte("token")),
		"other data":      b.MAC("leak intake", []byte("tokem")),
	} {
		if hmac.Equal(m, other) {
			t.Errorf("%s gives the same MAC", name)
		}
	}
	all := secret.NewBox(key(2), key(1)).MACs("leak intake", []byte("token"))
	if len(all) != 2 || !hmac.Equal(all[1], m) || hmac.Equal(all[0], m) {
		t.Errorf("MACs does not give one per key, the first key first: %x", all)
	}
}

func TestKeys(t *testing.T) {
	one := secret.NewBox(key(1)).Keys("logins")
	both := secret.NewBox(key(2), key(1)).Keys("logins")
	if len(one) != 1 || len(both) != 2 || both[1] != one[0] || both[0] == one[0] {
		t.Errorf("not one for each key, the first key's first: %x %x", one, both)
	}
	if other := secret.NewBox(key(1)).Keys("other"); other[0] == one[0] || one[0] == key(1) {
		t.Error("a purpose has no key of its own")
	}
	if m := secret.NewBox(key(1)).MAC("logins", nil); bytes.Equal(m, one[0][:]) {
		t.Error("a MAC's key is given away")
	}
}

func TestBoxDoesNotPrintItsKeys(t *testing.T) {
	b := secret.NewBox(key(0x41)) // the key is the text "ABCDEF…"
	type wrap struct {
		Box    *secret.Box
		hidden *secret.Box
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{b, wrap{b, b}, &wrap{b, b}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, "ABCDEF") || strings.Contains(out, "65 66 67") || strings.Contains(out, "0x41, 0x42") {
				t.Errorf("%s of %T prints a key: %s", verb, v, out)
			}
		}
	}
}
