package importer

// ReadUpTo is Read with another bound than SizeMax.
var ReadUpTo = readUpTo
