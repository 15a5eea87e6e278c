<?php

declare(strict_types=1);

const SMALL = [
    'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine',
    'ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen',
    'seventeen', 'eighteen', 'nineteen',
];
const TENS = [2 => 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];

function numberInWords(int $number): string
{
    if ($number < 20) {
        return SMALL[$number];
    }
    if ($number < 100) {
        $tens = TENS[intdiv($number, 10)];
        $ones = $number % 10;
        return $ones === 0 ? $tens : "$tens-" . SMALL[$ones];
    }
    $hundreds = SMALL[intdiv($number, 100)] . ' hundred';
    $rest = $number % 100;
    return $rest === 0 ? $hundreds : "$hundreds and " . numberInWords($rest);
}

$number = (int) fgets(STDIN);
echo numberInWords($number), PHP_EOL;
