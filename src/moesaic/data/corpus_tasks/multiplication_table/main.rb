def multiplication_table(number)
  (1..10).each do |factor|
    puts "#{number} x #{factor} = #{number * factor}"
  end
end

number = gets.to_i
multiplication_table(number)
