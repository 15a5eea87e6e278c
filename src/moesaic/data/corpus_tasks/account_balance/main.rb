def account_balance(bookings)
  bookings.reduce(0) do |balance, booking|
    (balance + booking).negative? ? balance : balance + booking
  end
end

bookings = gets.split.map(&:to_i)
puts account_balance(bookings)
