package source

import (
	"errors"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
)

// shared is what sources share that have the same key in a pool: a list, or what was asked.
// What is in force outlives a reload of the config, as the new source takes part in it before
// the old one lets go.
type shared interface {
	comparable
	caddy.Destructor // when no source has it any more
}

// lineage has what is shared under one key. Where a config loads and the newest of it is out of
// date, there are two until the old config goes; so a config that fails to load leaves alone
// what is in force.
type lineage[T shared] struct {
	mu    sync.Mutex
	parts []part[T] // the newest one is the last
}

// part is one of what is shared, and how many have it.
type part[T shared] struct {
	value T
	users int
}

// Destruct does nothing: what is shared ends with its last user.
func (*lineage[T]) Destruct() error { return nil }

// share is the part that one source has. The zero value has none.
type share[T shared] struct {
	// value is what is shared. It stays when the part ends, for requests of a config that
	// goes.
	value T

	line *lineage[T] // nil if there is no part
	pool *caddy.UsagePool
	key  any
}

// take takes part in what the pool has for a key, or in what create makes if there is nothing.
func (s *share[T]) take(pool *caddy.UsagePool, key any, create func() (T, error)) error {
	return s.takeFresh(pool, key, func(T) bool { return true }, func(T) (T, error) { return create() })
}

// takeFresh is [share.take] for what a config that loads should not have out of date. If
// isFresh reports that it is, a new one is made from the old one, or from nil.
func (s *share[T]) takeFresh(pool *caddy.UsagePool, key any, isFresh func(T) bool, create func(old T) (T, error)) error {
	line, _, err := pool.LoadOrNew(key, func() (caddy.Destructor, error) {
		return new(lineage[T]), nil
	})
	if err != nil {
		return err
	}
	value, err := line.(*lineage[T]).join(isFresh, create)
	if err != nil {
		_, _ = pool.Delete(key)
		return err
	}
	*s = share[T]{value, line.(*lineage[T]), pool, key}
	return nil
}

// release ends the part, if there is one.
func (s *share[T]) release() error {
	if s.line == nil {
		return nil
	}
	err := s.line.leave(s.value)
	_, released := s.pool.Delete(s.key)
	s.line = nil
	return errors.Join(err, released)
}

func (l *lineage[T]) join(isFresh func(T) bool, create func(old T) (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var newest T
	if n := len(l.parts); n > 0 {
		newest = l.parts[n-1].value
		if isFresh(newest) {
			l.parts[n-1].users++
			return newest, nil
		}
	}
	value, err := create(newest)
	if err == nil {
		l.parts = append(l.parts, part[T]{value, 1})
	}
	return value, err
}

func (l *lineage[T]) leave(value T) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.parts, func(p part[T]) bool { return p.value == value })
	if l.parts[i].users--; l.parts[i].users > 0 {
		return nil
	}
	l.parts = slices.Delete(l.parts, i, i+1)
	return value.Destruct()
}
