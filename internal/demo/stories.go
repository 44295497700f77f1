package demo

import (
	"fmt"
	"time"

	"passbook/client"
	"passbook/domain/money"
)

// stories are all accounts of the demo. They play from January to June 2026.
func stories() []*story {
	return []*story{adaCurrent(), adaSavings(), jakubCurrent(), hanaCurrent(), laylaBusiness(), martaCurrent(), tomasYouth()}
}

// halfYear calls each with the months that the stories play in.
func halfYear(each func(time.Month)) {
	for month := time.January; month <= time.June; month++ {
		each(month)
	}
}

// card spreads card payments over a month: the same shops every month, amounts that differ a little from month to month.
func (s *story) card(month time.Month, shops ...string) {
	for i, shop := range shops {
		cents := 350 + (int(month)*577+i*1319)%6400
		s.out(day(month, 2+(i*5+int(month))%26), fmt.Sprintf("%d.%02d", cents/100, cents%100), "card", shop)
	}
}

// adaCurrent is an ordinary life: a salary, a rent, a card, a little put by.
func adaCurrent() *story {
	s := &story{
		name: "ada-current", title: "current account", ownerID: "ada", ownerName: "Ada Novak",
		currency: money.MustCurrency("EUR"), overdraft: 50000,
	}
	s.in(day(time.January, 2), "1480.00", "transfer", "Balance brought from another bank")
	halfYear(func(m time.Month) {
		s.card(m, "Green Grocer", "Tram Pass", "Corner Bakery", "Bookshop on the Bridge", "Cinema Orient", "Pharmacy")
		s.out(day(m, 3), "890.00", "standing order", "Rent "+m.String())
		s.out(day(m, 12), "150.00", "standing order", "To savings")
		s.in(day(m, 25), "2450.00", "transfer", "Salary "+m.String()+", Lindqvist Optics")
		s.fee(day(m, 28), "3.90", "account maintenance")
	})
	s.out(day(time.May, 16), "620.00", "card", "Night train and a week at the sea")
	return s
}

func adaSavings() *story {
	s := &story{
		name: "ada-savings", title: "savings account", ownerID: "ada", ownerName: "Ada Novak", currency: money.MustCurrency("EUR"),
	}
	s.in(day(time.January, 2), "5000.00", "transfer", "First deposit")
	halfYear(func(m time.Month) { s.in(day(m, 12), "150.00", "transfer", "From the current account") })
	s.interest(day(time.March, 31), "27.31", "2.1 %", "2026-Q1")
	s.interest(day(time.June, 30), "30.02", "2.1 %", "2026-Q2")
	s.out(day(time.April, 20), "400.00", "transfer", "Bicycle")
	return s
}

// jakubCurrent lives beyond his means, gets a higher limit and pays for it.
func jakubCurrent() *story {
	s := &story{
		name: "jakub-current", title: "current account with an overdraft", ownerID: "jakub", ownerName: "Jakub Dvořák",
		currency: money.MustCurrency("CZK"), overdraft: 500000,
	}
	halfYear(func(m time.Month) {
		s.in(day(m, 10), "31500.00", "transfer", "Wages "+m.String())
		s.out(day(m, 11), "17800.00", "standing order", "Rent "+m.String())
		s.out(day(m, 14), "9000.00", "cash", "ATM Wenceslas Square")
		s.card(m, "Tram Pass", "Brewery by the Weir")
		s.fee(day(m, 28), "59.00", "account maintenance")
	})
	s.limit(day(time.February, 18), "20000.00")
	s.out(day(time.February, 19), "24990.00", "card", "Electric guitar")
	s.interest(day(time.February, 28), "-164.50", "18.9 %", "2026-02")
	s.interest(day(time.March, 31), "-92.10", "18.9 %", "2026-03")
	return s
}

// hanaCurrent is in yen, which have no decimals.
func hanaCurrent() *story {
	s := &story{name: "hana-current", title: "yen account", ownerID: "hana", ownerName: "Hana Sato", currency: money.MustCurrency("JPY")}
	halfYear(func(m time.Month) {
		s.in(day(m, 20), "318000", "transfer", "Salary "+m.String())
		s.out(day(m, 26), "92000", "standing order", "Rent "+m.String())
		s.out(day(m, 27), fmt.Sprint(8400+int(m)*370), "card", "Suica top-up")
	})
	return s
}

// laylaBusiness is in dinars, which have three decimals.
func laylaBusiness() *story {
	s := &story{
		name: "layla-business", title: "business account", ownerID: "layla", ownerName: "Layla Haddad Trading", currency: money.MustCurrency("KWD"),
	}
	s.in(day(time.January, 5), "12000.000", "transfer", "Paid-in capital")
	halfYear(func(m time.Month) {
		s.in(day(m, 8), fmt.Sprintf("%d.%03d", 900+int(m)*35, int(m)*125), "transfer", fmt.Sprintf("INV-2026-%03d", int(m)))
		s.out(day(m, 15), "640.500", "transfer", "Supplier "+m.String())
		s.fee(day(m, 28), "1.250", "account maintenance")
	})
	return s
}

// martaCurrent lost her card: it was frozen against withdrawals, found, and lost again.
func martaCurrent() *story {
	s := &story{
		name: "marta-current", title: "frozen account", ownerID: "marta", ownerName: "Marta Kowalska", currency: money.MustCurrency("PLN"),
	}
	halfYear(func(m time.Month) { s.in(day(m, 1), "5200.00", "transfer", "Salary "+m.String()) })
	s.out(day(time.March, 7), "1999.99", "card", "Luxury Watches Online")
	s.freeze(day(time.March, 8), "card lost", client.FreezeScopeDebit)
	s.unfreeze(day(time.March, 12), "card found in the other coat")
	s.out(day(time.April, 2), "310.40", "card", "Music Shop")
	s.freeze(day(time.April, 21), "card stolen", client.FreezeScopeDebit)
	return s
}

// tomasYouth was closed when its owner came of age.
func tomasYouth() *story {
	s := &story{name: "tomas-youth", title: "closed account", ownerID: "tomas", ownerName: "Tomáš Dvořák", currency: money.MustCurrency("CZK")}
	for m := time.January; m <= time.April; m++ {
		s.in(day(m, 1), "500.00", "cash", "Pocket money "+m.String())
	}
	s.out(day(time.March, 14), "650.00", "cash", "Football boots")
	s.interest(day(time.April, 30), "1.20", "0.5 %", "2026-04")
	s.out(day(time.May, 4), "1351.20", "transfer", "To the new account")
	s.close(day(time.May, 4), "came of age")
	return s
}
