module example.com/extremes

go 1.18
