def euler_totient(n)
  totient = n
  (2..Integer.sqrt(n)).each do |divisor|
    next unless (n % divisor).zero?

    totient -= totient / divisor
    n /= divisor while (n % divisor).zero?
  end
  n > 1 ? totient - totient / n : totient
end

n = gets.to_i
puts euler_totient(n)
