package main

import "fmt"

func celsiusToFahrenheit(celsius float64) float64 {
	return celsius*9/5 + 32
}

func main() {
	var celsius float64
	fmt.Scan(&celsius)
	fmt.Printf("%.1f\n", celsiusToFahrenheit(celsius))
}
