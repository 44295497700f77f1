package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Secret is text that may hold a password. However it is printed, the password is masked; string(s) is the text itself.
type Secret string

var (
	// serverStart is where one of several NATS servers begins.
	serverStart = regexp.MustCompile(`,\s*(nats|tls|ws|wss)://`)
	// pairs are those of a connection string: blanks around the sign and escaped quotes are allowed there.
	pairs = regexp.MustCompile(`(?is)(password|token)\s*=\s*('(\\.|[^'\\])*'?\S*|(\\.|\S)*)`)
	// parameters are those of a URL.
	parameters = regexp.MustCompile(`(?is)(password|token)=[^&]*`)
)

// String masks passwords in URLs (one or several, separated by commas) and in key=value pairs. Where it is not clear what is the password
// it hides too much, not too little.
func (s Secret) String() string {
	text := string(s)
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL || strings.ContainsAny(scheme, "= \t\r\n'") {
		return pairs.ReplaceAllString(text, "$1=xxxxx")
	}
	if strings.HasPrefix(scheme, "postgres") {
		return maskURL(text)
	}
	var b strings.Builder
	from := 0
	for _, next := range serverStart.FindAllStringIndex(text, -1) {
		b.WriteString(maskURL(text[from:next[0]]))
		from = next[0]
	}
	b.WriteString(maskURL(text[from:]))
	return b.String()
}

// maskURL keeps the user's name, which is no secret, unless it stands alone before a NATS server: that is a token. A password may have
// been written as it is, with characters that should have been escaped, so everything up to the last @ is the user's.
func maskURL(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	user, server := "", rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, server = rest[:at+1], rest[at+1:]
	}
	name, _, hasPassword := strings.Cut(user, ":")
	switch {
	case user == "":
	case strings.ContainsAny(user, "/?# \t\r\n"):
		user = "xxxxx@"
	case hasPassword:
		user = name + ":xxxxx@"
	case !strings.HasPrefix(scheme, "postgres"):
		user = "xxxxx@"
	}
	return scheme + "://" + user + parameters.ReplaceAllString(server, "$1=xxxxx")
}

// GoString masks as String does.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText masks as String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue masks as String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Bytes is a size. It reads a plain number or one with the unit KiB, MiB or GiB.
type Bytes int64

var units = []struct {
	suffix string
	size   Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// UnmarshalText reads "1073741824" or "1GiB".
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, unit := range units {
		number, ok := strings.CutSuffix(string(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(unit.size) {
			break
		}
		*b = Bytes(n) * unit.size
		return nil
	}
	return fmt.Errorf("%q is no size: write a number of bytes, or one with KiB, MiB or GiB", text)
}

// String writes the largest unit that is exact.
func (b Bytes) String() string {
	for _, unit := range units {
		if b != 0 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.suffix
		}
	}
	return "0"
}

// Switch reads on and off.
type Switch bool

// UnmarshalText reads "on" or "off".
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on":
		*s = true
	case "off":
		*s = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

func (s Switch) String() string {
	if s {
		return "on"
	}
	return "off"
}

// LogLevel is slog's level, by name only: numbers are for nobody.
type LogLevel slog.Level

// UnmarshalText reads debug, info, warn or error.
func (l *LogLevel) UnmarshalText(text []byte) error {
	switch string(text) {
	case "debug", "info", "warn", "error":
		return (*slog.Level)(l).UnmarshalText(text)
	}
	return fmt.Errorf("%q is none of debug, info, warn, error", text)
}

func (l LogLevel) String() string { return strings.ToLower(slog.Level(l).String()) }

// LogFormat is the shape of a log line.
type LogFormat string

// The log formats.
const (
	FormatText LogFormat = "text" // key=value, for people
	FormatJSON LogFormat = "json" // one object a line, for machines
)

// UnmarshalText reads text or json.
func (f *LogFormat) UnmarshalText(text []byte) error {
	if *f = LogFormat(text); *f != FormatText && *f != FormatJSON {
		return errors.New("neither text nor json")
	}
	return nil
}

// Migration says whether a process may change the schema.
type Migration string

// The ways to meet a schema that is behind.
const (
	MigrateAuto Migration = "auto"
	MigrateOff  Migration = "off"
)

// UnmarshalText reads auto or off.
func (m *Migration) UnmarshalText(text []byte) error {
	if *m = Migration(text); *m != MigrateAuto && *m != MigrateOff {
		return errors.New("neither auto nor off")
	}
	return nil
}

// Networks is a list of networks in CIDR form, or of single addresses.
type Networks []netip.Prefix

// UnmarshalText reads "10.0.0.0/8,2001:db8::1".
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		network, err := netip.ParsePrefix(part)
		if address, single := netip.ParseAddr(part); single == nil && address.Zone() == "" {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return fmt.Errorf("%q is no network such as 10.0.0.0/8", part)
		}
		*n = append(*n, network.Masked())
	}
	return nil
}

// String writes it as it is read.
func (n Networks) String() string {
	parts := make([]string, len(n))
	for i, network := range n {
		parts[i] = network.String()
	}
	return strings.Join(parts, ",")
}

// ProxyHeader is the header in which proxies say where a request comes from.
type ProxyHeader string

// The headers.
const (
	HeaderForwardedFor ProxyHeader = "X-Forwarded-For"
	HeaderForwarded    ProxyHeader = "Forwarded"
)

// UnmarshalText reads either name, in any case.
func (h *ProxyHeader) UnmarshalText(text []byte) error {
	for _, known := range []ProxyHeader{HeaderForwardedFor, HeaderForwarded} {
		if strings.EqualFold(string(text), string(known)) {
			*h = known
			return nil
		}
	}
	return fmt.Errorf("%q is neither X-Forwarded-For nor Forwarded", text)
}

// Thresholds are amounts in minor units by the code of their currency.
type Thresholds map[string]int64

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// UnmarshalText reads "EUR:1000000,JPY:1500000".
func (t *Thresholds) UnmarshalText(text []byte) error {
	*t = Thresholds{}
	for part := range strings.SplitSeq(string(text), ",") {
		code, number, _ := strings.Cut(strings.TrimSpace(part), ":")
		amount, err := strconv.ParseInt(number, 10, 64)
		switch {
		case !currencyCode.MatchString(code) || err != nil || amount < 0 || amount >= 1<<53:
			return fmt.Errorf("%q is no threshold such as EUR:1000000", part)
		case t.has(code):
			return fmt.Errorf("%s stands there twice", code)
		}
		(*t)[code] = amount
	}
	return nil
}

func (t *Thresholds) has(code string) bool {
	_, here := (*t)[code]
	return here
}

// String writes them by the code.
func (t Thresholds) String() string {
	parts := make([]string, 0, len(t))
	for _, code := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%s:%d", code, t[code]))
	}
	return strings.Join(parts, ",")
}
