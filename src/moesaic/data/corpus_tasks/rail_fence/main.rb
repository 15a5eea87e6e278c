def rail_fence(word, count)
  zigzag = [*0...count, *(1...count - 1).to_a.reverse].cycle
  rails = Array.new(count) { +"" }
  word.each_char { |letter| rails[zigzag.next] << letter }
  rails.join
end

count = gets.to_i
puts rail_fence(gets.chomp, count)
