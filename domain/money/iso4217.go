package money

import (
	"slices"
	"strings"
)

// activeCodes holds the codes of ISO 4217 list one (current currencies and funds) by their number of decimals, as of
// January 2026: BGN, ANG, ZWL, HRK, CUC and SLL are history by then, SLE, VED, XAD, XCG and ZWG are in. The codes for
// which the standard defines no minor unit (gold and the other metals, SDR, bond units, testing, no currency) are left out: an
// account cannot be kept in them. A code that leaves the standard later stays in this table: stored events are in it for ever.
var activeCodes = map[int]string{
	0: `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`,
	2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
		COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
		JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
		NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
		THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`,
	3: `BHD IQD JOD KWD LYD OMR TND`,
	4: `CLF UYW`,
}

type currencyEntry struct {
	currency Currency
	decimals int
}

var currencies = indexCurrencies(activeCodes)

func indexCurrencies(codesByDecimals map[int]string) map[string]currencyEntry {
	index := make(map[string]currencyEntry)
	for decimals, codes := range codesByDecimals {
		for _, code := range strings.Fields(codes) {
			index[code] = currencyEntry{currency: Currency{code: code}, decimals: decimals}
		}
	}
	return index
}

// Currencies returns every currency in use, by code.
func Currencies() []Currency {
	all := make([]Currency, 0, len(currencies))
	for _, entry := range currencies {
		all = append(all, entry.currency)
	}
	slices.SortFunc(all, func(a, b Currency) int { return strings.Compare(a.code, b.code) })
	return all
}
