def alternate_case(text)
  upper = false
  text.gsub(/[a-z]/i) do |letter|
    upper = !upper
    upper ? letter.upcase : letter.downcase
  end
end

puts alternate_case(gets.chomp)
