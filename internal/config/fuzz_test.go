package config_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"passbook/internal/config"
)

// FuzzSecret makes addresses of any user, password and host: whichever way they are written down, and however an address is printed, the
// password is not in it.
func FuzzSecret(f *testing.F) {
	for _, password := range []string{"hunter2", "hun,ter2", "hunter2@ho", "hun/ter2", "hun?ter2", "hun ter2", "hun'ter2", "hun\\ter2", "hun#ter2", "hun%ter2", "hun:ter2", "hün\nter2", "pass://word@x", "a=b&password=c"} {
		f.Add(password, "bank")
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		if len(password) < 6 || strings.Contains("xxxxx", password) || strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) || len(name) > 20 {
			return
		}
		marked := "S3" + password + "T7"
		for _, address := range []string{
			"postgres://" + name + ":" + marked + "@db.example:5432/bank", "postgres://" + url.UserPassword(name, marked).String() + "@db.example/bank",
			"postgres://db.example/bank?user=" + name + "&password=" + url.QueryEscape(marked) + "&sslmode=disable", "nats://" + url.UserPassword(name, marked).String() + "@n:4222,nats://" + name + ":" + url.PathEscape(marked) + "@m:4222",
			"host=db user=" + name + " password='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(marked) + "' dbname=bank", "nats://" + url.User(marked).String() + "@n:4222",
		} {
			secret := config.Secret(address)
			asJSON, err := json.Marshal(secret)
			if err != nil {
				t.Fatal(err)
			}
			for _, printed := range []string{secret.String(), fmt.Sprintf("%v %s %q %+v %#v", secret, secret, secret, secret, secret), string(asJSON), secret.LogValue().String()} {
				// Either mark means that a part of the password is there.
				if strings.Contains(printed, "S3") || strings.Contains(printed, "T7") {
					t.Errorf("%q is printed as %s", address, printed)
				}
			}
		}
	})
}
