COINS = [50, 20, 10, 5, 2, 1].freeze

def give_change(amount)
  COINS.each_with_object({}) do |coin, change|
    count, amount = amount.divmod(coin)
    change[coin] = count if count.positive?
  end
end

price, paid = gets.split.map(&:to_i)
change = give_change(paid - price)
change.each { |coin, count| puts "#{coin} #{count}" }
puts "exact" if change.empty?
