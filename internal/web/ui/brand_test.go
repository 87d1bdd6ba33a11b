package ui

import (
	"strings"
	"testing"
)

func TestBrandIsFittedToContrast(t *testing.T) {
	for _, c := range []struct{ in, link, button, text, accent string }{
		{"#0374B5", "#0374B5", "#0374B5", "#FFFFFF", "#0374B5"},
		{"#008EE2", "#0074B8", "#007BC3", "#FFFFFF", "#008EE2"},
		{"#FFCB05", "#886C03", "#FFCB05", "#273540", "#B38F04"},
		{"#F68B1F", "#A55E15", "#F68B1F", "#273540", "#DB7C1C"},
		{"#00A2E1", "#0077A5", "#007FB0", "#FFFFFF", "#009EDB"},
		{"#FFFFFF", "#6E6E6E", "#FFFFFF", "#273540", "#949494"},
	} {
		t.Run(c.in, func(t *testing.T) {
			css := string(brandCSS(Brand{Primary: c.in, Link: c.in, Button: c.in, ButtonText: "#ffffff"}))
			for name, want := range map[string]string{"link": c.link, "primary": c.button, "primary-text": c.text, "accent": c.accent} {
				if !strings.Contains(css, "--td-"+name+":"+want+";") {
					t.Errorf("%s is not %s in %s", name, want, css)
				}
			}
		})
	}
}

func TestEveryColourIsFitted(t *testing.T) {
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := rgb{uint8(r), uint8(g), uint8(b)}
				if got := contrast(c.fit(quietest, contrastText), quietest); got < contrastText {
					t.Fatalf("link from %s has %.2f", c, got)
				}
				fill, text := fitButton(c, &rgb{0x80, 0x80, 0x80})
				if got := contrast(fill, text); got < contrastText {
					t.Fatalf("button from %s has %.2f", c, got)
				}
				if got := contrast(hover(fill, text), text); got < contrastText {
					t.Fatalf("hovered button from %s has %.2f", c, got)
				}
			}
		}
	}
}

func TestHostileBrandValuesAreIgnored(t *testing.T) {
	for _, v := range []string{
		"", "red", "red;}body{display:none", "#12", "#1234", "#12345", "#GGGGGG", "#0374B5;", " #0374B5", "#0374B5\n",
		"url(https://example.com/)", "none", "var(--td-bad)", "#0374B5</style><script>", "expression(1)", "rgb(1,2,3)",
	} {
		if css := brandCSS(Brand{Primary: v, Link: v, Button: v, ButtonText: v}); css != "" {
			t.Errorf("%q became %s", v, css)
		}
	}
}

func TestShortColoursAreRead(t *testing.T) {
	if c, ok := parseColour("#0aF"); !ok || c.String() != "#00AAFF" {
		t.Fatalf("got %v %v", c, ok)
	}
}
