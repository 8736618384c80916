package caddycors

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/seed-9442523e/caddy-cors/internal/origin"
	"github.com/seed-9442523e/caddy-cors/internal/risk"
)

// Options, as Caddyfile and JSON spell them.
const (
	optionName              = "name"
	optionAllowOrigins      = "allow_origins"
	optionAllowOriginRegex  = "allow_origin_regex"
	optionAllowOriginsFrom  = "allow_origins_from"
	optionAllowMethods      = "allow_methods"
	optionAllowHeaders      = "allow_headers"
	optionExposeHeaders     = "expose_headers"
	optionAllowCredentials  = "allow_credentials"
	optionMaxAge            = "max_age"
	optionDangerouslyAllow  = risk.Option
	optionPolicies          = "policies"
	optionEnforce           = "enforce"
	optionReportOnly        = "report_only"
	optionUpstreamHeaders   = "upstream_headers"
	optionForwardPreflights = "forward_preflights"
	optionPreflightStatus   = "preflight_status"
)

// Values with a meaning of their own.
const (
	wildcard        = "*"
	none            = "none"
	maxAgeOff       = "off"
	upstreamReplace = "replace"
	upstreamKeep    = "keep"
)

// compiler turns the config of a handler into its policies, and gathers all that is
// wrong with it.
type compiler struct {
	replacer *caddy.Replacer // nil while adapting a Caddyfile: values with placeholders wait
	errs     []*ConfigError
	warnings []warning
	advices  int // of the warnings; there may be more than are logged

	policy int                    // the one being compiled
	label  string                 // its name, for errors, if there are several
	risks  map[risk.Risk][]string // those it takes, and the values that need them
	waits  bool                   // whether one of its origins has a placeholder that waits
	size   int                    // of its regular expressions, in instructions
	seed   maphash.Seed           // of the hashes of what was seen
	seen   map[uint64]struct{}    // the patterns and regular expressions of all policies, by their hash
	before []*origin.Set          // the patterns of the policies before it
}

// warning is something to log when a config is loaded.
type warning struct {
	message string
	fields  []zap.Field
}

func (c *compiler) fail(kind ErrorKind, option string, index int, value, reason, fix string) {
	c.errs = append(c.errs, &ConfigError{
		Kind: kind, Policy: c.label, Option: option, Value: value, Reason: reason, Fix: fix,
		place: place{c.policy, option, index},
	})
}

func (c *compiler) warn(message string, fields ...zap.Field) {
	c.warnings = append(c.warnings, warning{message, fields})
}

// advise warns of what is allowed but hardly meant. Long lists may have much of it.
func (c *compiler) advise(message string, fields ...zap.Field) {
	c.advices++
	if c.advices <= maxErrors {
		c.warn(message, fields...)
	}
}

// compile returns the compiled policies of h, which are of use only if there are no
// errors.
func (c *compiler) compile(h *Handler) *policies {
	c.policy, c.seed = noPolicy, maphash.MakeSeed()
	c.seen = make(map[uint64]struct{}, countOrigins(h.Policies))
	c.checkHandler(h)
	ps := new(policies)
	names := policyNames(h.Policies)
	for i, config := range h.Policies {
		c.policy = i
		if len(h.Policies) > 1 {
			c.label = names[i]
		}
		if config == nil {
			c.fail(KindMissing, optionPolicies, 0, "null", "a policy is an object", "take it out")
			continue
		}
		c.checkName(config.Name, names, i)
		ps.list = append(ps.list, c.compilePolicy(config, names[i]))
	}
	if more := c.advices - maxErrors; more > 0 {
		c.warn("there is more like the warnings before", zap.Int("more", more))
	}
	for _, p := range ps.list {
		if len(ps.list) == 1 && p.grantsAll() {
			ps.open = p
			continue
		}
		p.preflightVary = p.varyOfPreflight()
	}
	return ps
}

// countOrigins returns how many values there are that name origins.
func countOrigins(configs []*Policy) (n int) {
	for _, config := range configs {
		if config != nil {
			n += len(config.AllowOrigins) + len(config.AllowOriginRegex)
		}
	}
	return n
}

func (c *compiler) checkHandler(h *Handler) {
	if len(h.Policies) == 0 {
		c.fail(KindMissing, optionPolicies, 0, "", "nothing says which origins are allowed", `name the origin of your pages, such as "https://app.example.com"`)
	}
	if h.Enforce && h.ReportOnly {
		c.fail(KindConflict, optionEnforce, 0, "", "it does not go with report_only, which refuses nothing", "take out one of the two")
	}
	switch h.UpstreamHeaders {
	case "", upstreamReplace, upstreamKeep:
	default:
		c.fail(KindMalformed, optionUpstreamHeaders, 0, h.UpstreamHeaders, "unknown value", `write "replace" or "keep"`)
	}
	if s := h.PreflightStatus; s != 0 && (s < 200 || s > 299) {
		c.fail(KindMalformed, optionPreflightStatus, 0, strconv.Itoa(s), "browsers take a preflight for answered only with a status from 200 to 299", `leave it out for 204`)
	}
}

// policyNames returns the name of each policy; those without get one by position.
func policyNames(configs []*Policy) []string {
	names := make([]string, len(configs))
	for i, config := range configs {
		names[i] = "policy" + strconv.Itoa(i)
		if config != nil && config.Name != "" {
			names[i] = config.Name
		}
	}
	return names
}

func (c *compiler) checkName(name string, names []string, i int) {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		c.fail(KindMalformed, optionName, 0, name, `the name of a policy is made of a-z, 0-9, "_" and "-"`, `write it like "partners"`)
	}
	if first := slices.Index(names, names[i]); first < i {
		c.fail(KindConflict, optionName, 0, names[i], "another policy has this name", "give each policy its own")
	}
}

func (c *compiler) compilePolicy(config *Policy, name string) *policy {
	p := &policy{name: name, credentials: config.AllowCredentials}
	if c.compileRisks(config) { // else what holds for lines of its sources is not known
		p.rules, p.sourceConfigs = c.rules(p.credentials), config.AllowOriginsFromRaw
	}
	c.compileOrigins(p, config)
	c.compileMethods(p, config.AllowMethods)
	c.compileHeaders(p, config.AllowHeaders)
	c.compileExposed(p, config.ExposeHeaders)
	p.maxAge = c.compileMaxAge(string(config.MaxAge))
	if config.AllowOriginsFromRaw != nil {
		c.needForSources()
	}
	c.warnOfRisks(name)
	return p
}
