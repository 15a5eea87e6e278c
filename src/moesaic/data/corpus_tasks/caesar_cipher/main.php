<?php

declare(strict_types=1);

function caesarCipher(string $text, int $key): string
{
    $encrypted = '';
    foreach (str_split($text) as $symbol) {
        if ($symbol >= 'a' && $symbol <= 'z') {
            $place = (ord($symbol) - ord('a') + $key) % 26;
            $symbol = chr(ord('a') + $place);
        }
        $encrypted .= $symbol;
    }
    return $encrypted;
}

$key = (int) fgets(STDIN);
$text = rtrim(fgets(STDIN), "\n");
echo caesarCipher($text, $key), PHP_EOL;
