package corsproxy

import (
	"fmt"
	"strings"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/suffix"
)

// target is what a value of the option targets allows: an origin, or a pattern of origins,
// and perhaps a part of its paths.
type target struct {
	pattern origin.Pattern
	origins *origin.Set // the pattern alone
	prefix  string      // canonical, of all paths that are allowed; "" for all
	below   bool        // whether only what is below the prefix, which ends in a slash, is
}

// parseTarget reads a target: a pattern of origins, as in allow_origins, with a path or
// without. "/v2" is that path and what is below it, "/v2/*" what is below it.
func parseTarget(text string) (*target, error) {
	authority, path := text, ""
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			authority, path = text[:len(text)-len(rest)+slash], rest[slash:]
		}
	}
	pattern, err := origin.ParsePattern(authority)
	if err != nil {
		return nil, err
	}
	t := &target{pattern: pattern, origins: origin.NewSet(pattern)}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, t.setPrefix(path)
}

// check refuses patterns that leave open whose server it is.
func (t *target) check() error {
	text := t.pattern.String()
	scheme, _, _ := strings.Cut(text, "://")
	switch {
	case t.pattern.Any(), t.pattern.AnyHost():
		return fmt.Errorf("this would be a proxy to every server; name the hosts that pages need")
	case t.pattern.None(), t.pattern.Opaque(), scheme != schemePlain && scheme != schemeTLS:
		return fmt.Errorf("a target starts with https:// or http://")
	case strings.HasSuffix(text, ":*"):
		return fmt.Errorf("a target has one port; name it")
	}
	if parent := t.pattern.WildcardParent(); parent != "" {
		if open := suffix.Open(parent); open != "" {
			return fmt.Errorf("anyone can get a name below the public suffix %q; name the hosts that pages need", open)
		}
	}
	return nil
}

// setPrefix takes the path of a target.
func (t *target) setPrefix(path string) error {
	path, below := strings.CutSuffix(path, "/*")
	if below {
		path += "/"
	}
	if path == "" || path == "/" {
		return nil
	}
	if strings.Contains(path, "*") {
		return fmt.Errorf(`a "*" stands for all below a path, at its end: "/v2/*"`)
	}
	if strings.ContainsAny(path, "?#") {
		return fmt.Errorf("a target has no query and no fragment")
	}
	if strings.ContainsFunc(path, isNoURLCharacter) {
		return fmt.Errorf("this is not a path")
	}
	canonical, ok := canonicalPath(path)
	if !ok || hasDotSegments(canonical) || isAmbiguous(canonical) {
		return fmt.Errorf(`servers differ in how they read this path; write it like "/v2/*"`)
	}
	t.prefix, t.below = canonical, below
	if !below {
		t.prefix = strings.TrimSuffix(canonical, "/")
	}
	return nil
}

// String returns the target as it is compared.
func (t *target) String() string {
	text := t.pattern.String() + t.prefix
	if t.below {
		text += "*"
	}
	return text
}

// hasPath reports whether a canonical path is among those of the target.
func (t *target) hasPath(path string) bool {
	if t.below || t.prefix == "" {
		return strings.HasPrefix(path, t.prefix)
	}
	rest, ok := strings.CutPrefix(path, t.prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// covers reports whether all that another target has is in t.
func (t *target) covers(other *target) bool {
	return t.origins.Covers(other.pattern) && t.hasPath(other.prefix)
}

// overlaps reports whether a URL may be in both targets.
func (t *target) overlaps(other *target) bool {
	return (t.hasPath(other.prefix) || other.hasPath(t.prefix)) &&
		(t.origins.Covers(other.pattern) || other.origins.Covers(t.pattern) || overlap(t.pattern.String(), other.pattern.String()))
}

// overlap reports whether an origin may match two patterns with a "*" inside a label.
func overlap(a, b string) bool {
	beforeA, afterA, okA := strings.Cut(a, "*")
	beforeB, afterB, okB := strings.Cut(b, "*")
	endA, parentA, _ := strings.Cut(afterA, ".")
	endB, parentB, _ := strings.Cut(afterB, ".")
	return okA && okB && parentA == parentB &&
		(strings.HasPrefix(beforeA, beforeB) || strings.HasPrefix(beforeB, beforeA)) &&
		(strings.HasSuffix(endA, endB) || strings.HasSuffix(endB, endA))
}

// targets are those of a handler, in the order of its config.
type targets []*target

// find returns the first target that has a place.
func (ts targets) find(p place) (*target, *refusal) {
	why := refusedTarget
	for _, t := range ts {
		switch {
		case !t.origins.Contains(p.origin), !t.hasPath(p.path):
		case t.prefix != "" && isAmbiguous(p.path):
			why = refusedAmbiguous
		default:
			return t, nil
		}
	}
	return nil, why
}
