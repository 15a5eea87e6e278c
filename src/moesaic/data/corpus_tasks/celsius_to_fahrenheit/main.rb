def celsius_to_fahrenheit(celsius)
  celsius * 9 / 5 + 32
end

celsius = gets.to_f
puts format("%.1f", celsius_to_fahrenheit(celsius))
