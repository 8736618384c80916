package caddycors

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-9442523e/caddy-cors/source"
)

// What is said of sources where a config is explained.

// untold names the sources that did not tell whether they allow the origin, and would have
// in Caddy.
func (e *explainer) untold(d *decidedVisit) (notes []string) {
	note := func(p *policy, index int, why string) {
		notes = append(notes, e.sourceOf(d.visit, p, index)+" may allow the origin: "+why)
	}
	for _, p := range d.cors.policies.list {
		if p == d.decision.policy && e.matchOf(d) != nil {
			break
		}
		for _, s := range p.missing {
			switch {
			case s.err != nil: // which is told of all
			case onlyKnownInCaddy(kindOfSource(p.sourceConfigs[s.index])):
				note(p, s.index, "only a Caddy that runs knows")
			default:
				note(p, s.index, "it was not asked; with --sources, it is")
			}
		}
		for _, s := range p.sources {
			if asker, ok := s.Source.(source.Asker); ok && asker.Asks().AskedFailed > 0 {
				note(p, s.index, "its endpoint failed, which the log has")
			}
		}
	}
	return notes
}

// failed names the sources that fail to load, of all cors handlers that a request met.
func (e *explainer) failed(w *walk) (notes []string) {
	for _, v := range w.met {
		if v.cors == nil {
			continue
		}
		for _, p := range v.cors.policies.list {
			for _, s := range p.missing {
				if s.err != nil {
					notes = append(notes, fmt.Sprintf("%s fails, so Caddy would not load this config: %s",
						e.sourceOf(&v, p, s.index), shown(strings.ReplaceAll(s.err.Error(), "\n", "; "))))
				}
			}
		}
	}
	return notes
}

// sourceOf returns a source of a policy as the config has it, and where it stands.
func (e *explainer) sourceOf(v *visit, p *policy, index int) string {
	at := place{slices.Index(v.cors.policies.list, p), optionAllowOriginsFrom, index}
	return fmt.Sprintf("%s %s (%s)", optionAllowOriginsFrom, quoted(sourceText(p.sourceConfigs[index])), e.lineOfPlace(v, at))
}

// sourceText returns a source as it is shown: its kind, and what it is about.
func sourceText(raw json.RawMessage) string {
	var config struct{ Source, Path, URL, Key string }
	_ = json.Unmarshal(raw, &config)
	return strings.TrimSpace(config.Source + " " + config.Path + config.Key + source.ShownURL(config.URL))
}
