module patrol.local/unavailable

go 1.22
