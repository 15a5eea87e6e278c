def permission_string(mode)
  "rwxrwxrwx".each_char.with_index.map do |letter, index|
    mode[8 - index] == 1 ? letter : "-"
  end.join
end

mode = gets.chomp.oct
puts permission_string(mode)
